// SPDX-License-Identifier: BSD-3-Clause
#include "tensors.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_local_scalar_dense_native.h>
#include <ATen/ops/view.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "devices.h"
#include "dtypes.h"

namespace npu::ops {

at::Tensor empty(at::IntArrayRef sizes, c10::ScalarType dtype, at::IntArrayRef strides,
                 std::optional<c10::MemoryFormat> format) {
  static c10::Allocator* allocator = c10::GetAllocator(kNpu);
  constexpr c10::DispatchKeySet keys(c10::DispatchKey::PrivateUse1);
  if (strides.empty()) return at::detail::empty_generic(sizes, allocator, keys, dtype, format);
  return at::detail::empty_strided_generic(sizes, strides, allocator, keys, dtype);
}

at::Tensor empty_as(const at::Tensor& t, c10::ScalarType dtype) {
  if (t.is_non_overlapping_and_dense()) return empty(t.sizes(), dtype, t.strides());
  return empty(t.sizes(), dtype, at::infer_dense_strides(t.sizes(), t.strides()));
}

namespace {

// What aclnnInplaceCopy and aclnnCast take, by npu-cann's data; and beyond them
// what this SoC may convert.
constexpr DtypeSet kCopied = dtypes("csilufh?dFDtjmb");
constexpr DtypeSet kConverted = dtypes("fhdcustijlm?HFDb");

bool takes(DtypeSet set, const at::Tensor& t) {
  return (set & bit(t.scalar_type())) && (t.scalar_type() != c10::kBFloat16 || soc_has_bfloat16());
}

bool convertible(const at::Tensor& t) {
  if (takes(kConverted, t)) return true;
  bool float8 = t.scalar_type() == c10::kFloat8_e5m2 || t.scalar_type() == c10::kFloat8_e4m3fn;
  return float8 && core().supports_dtype(acl_dtype(t.scalar_type()));
}

// Converts into a contiguous `out`. Where CANN cannot, the host does; that is
// counted as a fallback.
void convert(const at::Tensor& out, const at::Tensor& t) {
  if (out.numel() == 0) return;
  if (convertible(out) && convertible(t)) return launch<aclnnCast>(t, out.scalar_type(), out);
  NPU_CALL(core().note_fallback("aten::copy_", "this SoC has no conversion between the two dtypes",
                                t.nbytes() + out.nbytes(), 0));
  at::Tensor host = t.cpu().to(out.scalar_type());
  NPU_CALL(core().copy(out.mutable_data_ptr(), out.device().index(), host.const_data_ptr(), -1, out.nbytes(),
                       false));
}

}  // namespace

at::Tensor as_integers(const at::Tensor& t) {
  switch (t.element_size()) {
    case 1:
      return t.view(at::kByte);
    case 2:
      return t.view(at::kShort);
    case 4:
      return t.view(at::kInt);
    default:
      return t.view(at::kLong);
  }
}

at::Tensor cast(const at::Tensor& t, c10::ScalarType dtype) {
  if (t.scalar_type() == dtype) return t;
  at::Tensor out = empty(t.sizes(), dtype);
  convert(out, t);
  return out;
}

at::Tensor dense(const at::Tensor& t) {
  if (t.is_contiguous()) return t;
  at::Tensor out = empty(t.sizes(), t.scalar_type());
  device_copy(out, t);
  return out;
}

void device_copy(const at::Tensor& dst, const at::Tensor& src) {
  if (dst.numel() == 0) return;
  if (takes(kCopied, dst) && takes(kCopied, src)) return launch<aclnnInplaceCopy>(dst, src);
  if (dst.scalar_type() == src.scalar_type())
    return launch<aclnnInplaceCopy>(as_integers(dst), as_integers(src));
  if (dst.is_contiguous()) return convert(dst, src);
  device_copy(dst, cast(src, dst.scalar_type()));
}

void check_fits(c10::ScalarType dtype, const c10::Scalar& value) {
  switch (dtype) {
#define NPU_FITS(T, name)             \
  case c10::ScalarType::name:         \
    static_cast<void>(value.to<T>()); \
    return;
    AT_FORALL_SCALAR_TYPES_WITH_COMPLEX_EXCEPT_COMPLEX_HALF_F8NZ(NPU_FITS)
#undef NPU_FITS
    default:
      return;
  }
}

void fill_value(const at::Tensor& self, const c10::Scalar& value) {
  if (self.numel()) launch<aclnnInplaceFillScalar>(self, value);
}

c10::Scalar host_scalar(const at::Tensor& t) { return at::native::_local_scalar_dense_cpu(t); }

void resize_out(const at::Tensor& out, at::IntArrayRef sizes, at::IntArrayRef strides,
                const at::TensorOptions& options) {
  TORCH_CHECK(options.dtype() == out.dtype(), "Expected out tensor to have dtype ", options.dtype(),
              ", but got ", out.dtype(), " instead");
  TORCH_CHECK(options.device() == out.device(), "Expected out tensor to have device ", options.device(),
              ", but got ", out.device(), " instead");
  if (!at::native::resize_output(out, sizes)) return;
  if (!strides.empty()) {
    out.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  } else if (options.memory_format_opt()) {
    out.unsafeGetTensorImpl()->empty_tensor_restride(*options.memory_format_opt());
  }
}

void check_casts(c10::ScalarType from, c10::ScalarType to) {
  TORCH_CHECK(c10::canCast(from, to), "result type ", from, " can't be cast to the desired output type ", to);
}

at::Tensor& give(at::Tensor& out, const at::Tensor& result) {
  c10::DeviceGuard guard(result.device());
  resize_out(out, result.sizes(), {}, result.options());
  device_copy(out, result);
  return out;
}

}  // namespace npu::ops
