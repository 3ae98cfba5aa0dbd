// SPDX-License-Identifier: BSD-3-Clause
#include "tensors.h"

#include <ATen/EmptyTensor.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_local_scalar_dense_native.h>

#include "aclnn_ops.h"
#include "devices.h"

namespace npu::ops {

at::Tensor empty(at::IntArrayRef sizes, c10::ScalarType dtype, at::IntArrayRef strides,
                 std::optional<c10::MemoryFormat> format) {
  static c10::Allocator* allocator = c10::GetAllocator(kNpu);
  constexpr c10::DispatchKeySet keys(c10::DispatchKey::PrivateUse1);
  if (strides.empty()) return at::detail::empty_generic(sizes, allocator, keys, dtype, format);
  return at::detail::empty_strided_generic(sizes, strides, allocator, keys, dtype);
}

at::Tensor cast(const at::Tensor& t, c10::ScalarType dtype) {
  if (t.scalar_type() == dtype) return t;
  at::Tensor out = empty(t.sizes(), dtype);
  if (out.numel()) launch<aclnnCast>(t, dtype, out);
  return out;
}

at::Tensor dense(const at::Tensor& t) {
  if (t.is_contiguous()) return t;
  at::Tensor out = empty(t.sizes(), t.scalar_type());
  device_copy(out, t);
  return out;
}

void device_copy(const at::Tensor& dst, const at::Tensor& src) {
  if (dst.numel()) launch<aclnnInplaceCopy>(dst, src);
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

}  // namespace npu::ops
