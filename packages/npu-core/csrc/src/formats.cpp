// SPDX-License-Identifier: BSD-3-Clause
// Storage formats: what torch_npu's programs ask of them. Every tensor of npu-core lies in memory in its base
// format, the order that its strides tell (NCHW, NCDHW or ND). So a cast to another base format is a view,
// and one to a private format (FRACTAL_NZ, NC1HWC0 ...) gives the base format with a warning, as torch_npu
// does while `torch.npu.config.allow_internal_format` is False. Results are the same; kernels that would read
// the private layout faster convert it themselves.
#include <ATen/core/Tensor.h>
#include <ATen/ops/alias.h>
#include <torch/library.h>

#include <array>

#include "npu/cann/acl_types.h"

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
    Format{33, "FRACTAL_Z_3D", false},
    Format{ACL_FORMAT_NCL, "NCL", true},
};

void check_npu(const at::Tensor& t, const char* name) {
  TORCH_CHECK(t.is_privateuseone(), name, " takes tensors of npu, found one of ", t.device());
}

int64_t get_npu_format(const at::Tensor& input) {
  check_npu(input, "get_npu_format");
  if (input.dim() == 4) return ACL_FORMAT_NCHW;
  return input.dim() == 5 ? ACL_FORMAT_NCDHW : ACL_FORMAT_ND;
}

void check_cast(const at::Tensor& input, int64_t format, std::optional<int64_t> customize_dtype,
                std::optional<int64_t> input_dtype) {
  check_npu(input, "npu_format_cast");
  TORCH_CHECK_NOT_IMPLEMENTED(
      !customize_dtype && !input_dtype,
      "npu_format_cast(customize_dtype=, input_dtype=) describes packed private formats, "
      "and npu-core keeps every tensor in its base format: leave them out");
  const Format* known = nullptr;
  for (const Format& f : kFormats) {
    if (f.number == format) known = &f;
  }
  TORCH_CHECK_VALUE(known, "there is no storage format ", format,
                    "; aclFormat numbers them, 29 is FRACTAL_NZ");
  if (!known->base) {
    TORCH_WARN_ONCE("npu_format_cast to ", known->name,
                    " keeps the base format: npu-core stores every tensor in "
                    "the order of its strides");
  }
}

at::Tensor npu_format_cast(const at::Tensor& input, int64_t format, std::optional<int64_t> customize_dtype,
                           std::optional<int64_t> input_dtype) {
  check_cast(input, format, customize_dtype, input_dtype);
  return at::alias(input);
}

at::Tensor npu_format_cast_like(const at::Tensor& input, const at::Tensor& dst,
                                std::optional<int64_t> customize_dtype, std::optional<int64_t> input_dtype) {
  return npu_format_cast(input, get_npu_format(dst), customize_dtype, input_dtype);
}

at::Tensor& npu_format_cast_(at::Tensor& input, int64_t format, std::optional<int64_t> customize_dtype,
                             std::optional<int64_t> input_dtype) {
  check_cast(input, format, customize_dtype, input_dtype);
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

}  // namespace npu
