// SPDX-License-Identifier: BSD-3-Clause
// Storage formats: what torch_npu's programs ask of them. A cast to a base format (NCHW, NCDHW, ND ...) of a
// tensor that is in one is a view. A private format (FRACTAL_NZ, NC1HWC0 ...) is made, see storage_format.h,
// if `torch.npu.config.allow_internal_format` is True; else the base format stays, with a warning, as in
// torch_npu.
#include <ATen/core/Tensor.h>
#include <ATen/ops/alias.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <array>
#include <atomic>

#include "capture.h"
#include "formats.h"
#include "npu/cann/acl_types.h"
#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/NPUStream.h"
#include "storage_format.h"

namespace npu {

namespace {

struct Format {
  int64_t number;
  const char* name;
  bool base;
};

constexpr std::array kFormats{
    Format{ACL_FORMAT_NCHW, "NCHW", true},
    Format{ACL_FORMAT_NHWC, "NHWC", false},
    Format{ACL_FORMAT_ND, "ND", true},
    Format{ACL_FORMAT_NC1HWC0, "NC1HWC0", false},
    Format{ACL_FORMAT_FRACTAL_Z, "FRACTAL_Z", false},
    Format{ACL_FORMAT_NC1HWC0_C04, "NC1HWC0_C04", false},
    Format{ACL_FORMAT_NDHWC, "NDHWC", false},
    Format{ACL_FORMAT_FRACTAL_NZ, "FRACTAL_NZ", false},
    Format{ACL_FORMAT_HWCN, "HWCN", false},
    Format{ACL_FORMAT_NCDHW, "NCDHW", true},
    Format{ACL_FORMAT_NC, "NC", true},
    Format{ACL_FORMAT_FRACTAL_NZ_C0_16, "FRACTAL_NZ_C0_16", false},
    Format{ACL_FORMAT_FRACTAL_NZ_C0_32, "FRACTAL_NZ_C0_32", false},
    Format{ACL_FORMAT_FRACTAL_NZ_C0_2, "FRACTAL_NZ_C0_2", false},
    Format{ACL_FORMAT_FRACTAL_NZ_C0_4, "FRACTAL_NZ_C0_4", false},
    Format{ACL_FORMAT_FRACTAL_NZ_C0_8, "FRACTAL_NZ_C0_8", false},
    Format{ACL_FORMAT_NDC1HWC0, "NDC1HWC0", false},
    Format{ACL_FRACTAL_Z_3D, "FRACTAL_Z_3D", false},
    Format{ACL_FORMAT_NCL, "NCL", true},
};

void check_npu(const at::Tensor& t, const char* name) {
  TORCH_CHECK(t.is_privateuseone(), name, " takes tensors of npu, found one of ", t.device());
}

std::atomic<bool> g_allowed{false};

const StorageFormat* format_of(const at::Tensor& t) {
  return formats_used() && t.has_storage() ? format_of_storage(*t.storage().unsafeGetStorageImpl()) : nullptr;
}

int64_t get_npu_format(const at::Tensor& input) {
  check_npu(input, "get_npu_format");
  const std::lock_guard lock(formats_mutex());
  if (const StorageFormat* f = format_of(input)) return f->format;
  if (input.dim() == 4) return ACL_FORMAT_NCHW;
  return input.dim() == 5 ? ACL_FORMAT_NCDHW : ACL_FORMAT_ND;
}

// The format that a cast is to make; base for a private one that is not allowed.
const Format& wanted(const at::Tensor& input, int64_t number, std::optional<int64_t> customize_dtype,
                     std::optional<int64_t> input_dtype) {
  check_npu(input, "npu_format_cast");
  TORCH_CHECK_NOT_IMPLEMENTED(
      !customize_dtype && !input_dtype,
      "npu_format_cast(customize_dtype=, input_dtype=) lays elements of one dtype out as "
      "those of another, which CANN does on Ascend 950 only: leave them out");
  const Format* known = nullptr;
  for (const Format& f : kFormats) {
    if (f.number == number) known = &f;
  }
  TORCH_CHECK_VALUE(known, "there is no storage format ", number,
                    "; aclFormat numbers them, 29 is FRACTAL_NZ");
  if (known->base || input.numel() == 0 || format_of(input)) return *known;
  if (g_allowed.load(std::memory_order_relaxed)) return *known;
  TORCH_WARN_ONCE("npu_format_cast to ", known->name,
                  " keeps the base format while torch.npu.config.allow_internal_format is False");
  return kFormats[2];
}

at::Tensor viewed(c10::Storage storage, const at::Tensor& as) {
  auto t = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), as.dtype());
  t.unsafeGetTensorImpl()->set_sizes_and_strides(as.sizes(), as.strides(), as.storage_offset());
  return t;
}

bool lies_as_it_is(const at::Tensor& t) {
  return t.is_contiguous() && t.storage_offset() == 0 && t.nbytes() == t.storage().nbytes();
}

// Whether there is memory to lay out: the compiler traces casts with tensors that have none.
bool has_memory(const at::Tensor& t) {
  return t.numel() > 0 && t.storage().device().is_privateuseone() && t.storage().data();
}

// A new tensor in another format: contiguous in a private one, as it was in base format.
at::Tensor converted(const at::Tensor& input, const Format& to) {
  const std::lock_guard lock(formats_mutex());
  const c10::DeviceGuard guard(input.device());
  const StorageFormat* from = format_of(input);
  at::Tensor base = from ? viewed(base_copy(*from), input) : input;
  if (to.base) return base;
  const at::Tensor plain = base.contiguous();
  c10::Storage storage(c10::Storage::use_byte_size_t{}, plain.nbytes(), c10::DataPtr(nullptr, input.device()),
                       NPUCachingAllocator::get(), true);
  adopt(*storage.unsafeGetStorageImpl(), lay_out(plain, static_cast<aclFormat>(to.number)));
  auto t = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), plain.dtype());
  t.unsafeGetTensorImpl()->set_sizes_contiguous(plain.sizes());
  return t;
}

struct FormatCast : torch::autograd::Function<FormatCast> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& input, int64_t format) {
    const at::AutoDispatchBelowADInplaceOrView below;
    for (const Format& f : kFormats) {
      if (f.number == format) return converted(input, f);
    }
    return input;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 torch::autograd::variable_list gradients) {
    return {gradients[0], at::Tensor()};
  }
};

at::Tensor npu_format_cast(const at::Tensor& input, int64_t format, std::optional<int64_t> customize_dtype,
                           std::optional<int64_t> input_dtype) {
  const Format& to = wanted(input, format, customize_dtype, input_dtype);
  {
    const std::lock_guard lock(formats_mutex());
    const StorageFormat* from = format_of(input);
    const bool there =
        from ? from->format == to.number && lies_as_it_is(input) : to.base || !has_memory(input);
    if (there) return at::alias(input);
  }
  return FormatCast::apply(input, to.number);
}

at::Tensor npu_format_cast_like(const at::Tensor& input, const at::Tensor& dst,
                                std::optional<int64_t> customize_dtype, std::optional<int64_t> input_dtype) {
  return npu_format_cast(input, get_npu_format(dst), customize_dtype, input_dtype);
}

at::Tensor& npu_format_cast_(at::Tensor& input, int64_t format, std::optional<int64_t> customize_dtype,
                             std::optional<int64_t> input_dtype) {
  const Format& to = wanted(input, format, customize_dtype, input_dtype);
  const std::lock_guard lock(formats_mutex());
  const StorageFormat* from = format_of(input);
  if (from ? from->format == to.number : to.base || !has_memory(input)) return input;
  c10::StorageImpl& storage = *input.storage().unsafeGetStorageImpl();
  storage.mutable_data_ptr();  // into its base format
  if (to.base) return input;
  TORCH_CHECK_VALUE(
      lies_as_it_is(input), "npu_format_cast_ to ", to.name,
      " lays a whole storage out anew, and this tensor is a part of its storage, or not contiguous: "
      "npu_format_cast() makes a new tensor");
  TORCH_CHECK(NPUCachingAllocator::get()->is_simple_data_ptr(storage.data_ptr()),
              "npu_format_cast_ cannot give other memory to a tensor that is shared with another process or "
              "library: npu_format_cast() makes a new tensor");
  refuse_in_capture("npu_format_cast_, which gives other memory to a tensor,", input.device().index());
  const c10::DeviceGuard guard(input.device());
  c10::DataPtr laid_out = lay_out(input, static_cast<aclFormat>(to.number));
  // The cast reads the old memory on this stream, which need not be the one it was allocated on.
  NPUCachingAllocator::get()->recordStream(storage.data_ptr(),
                                           getCurrentNPUStream(input.device().index()).unwrap());
  adopt(storage, std::move(laid_out));
  return input;
}

at::Tensor& npu_format_cast_like_(at::Tensor& input, const at::Tensor& src,
                                  std::optional<int64_t> customize_dtype,
                                  std::optional<int64_t> input_dtype) {
  return npu_format_cast_(input, get_npu_format(src), customize_dtype, input_dtype);
}

TORCH_LIBRARY_FRAGMENT(npu, m) {
  m.def("get_npu_format(Tensor input) -> int", &get_npu_format);
  m.def(
      "npu_format_cast(Tensor input, int acl_format, *, int? customize_dtype=None, int? input_dtype=None) -> "
      "Tensor",
      &npu_format_cast);
  m.def(
      "npu_format_cast.Tensor(Tensor input, Tensor dst, *, int? customize_dtype=None, int? input_dtype=None) "
      "-> Tensor",
      &npu_format_cast_like);
  m.def(
      "npu_format_cast_(Tensor(a!) input, Tensor src, *, int? customize_dtype=None, int? input_dtype=None) "
      "-> Tensor(a!)",
      &npu_format_cast_like_);
  m.def(
      "npu_format_cast_.acl_format(Tensor(a!) input, int acl_format, *, int? customize_dtype=None, "
      "int? input_dtype=None) -> Tensor(a!)",
      &npu_format_cast_);
}

}  // namespace

bool private_formats_allowed() noexcept { return g_allowed.load(std::memory_order_relaxed); }

void allow_private_formats(bool allowed) noexcept { g_allowed.store(allowed, std::memory_order_relaxed); }

}  // namespace npu
