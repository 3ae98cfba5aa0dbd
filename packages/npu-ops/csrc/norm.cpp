// SPDX-License-Identifier: BSD-3-Clause
// Layer and group normalisation.
#include <ATen/native/layer_norm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "call.h"
#include "checks.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

constexpr DtypeSet kFloats = dtypes("fhb");

void check_all(const char* op, const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias) {
  check_dtype(op, input, kFloats);
  check::parameters(op, input, weight, bias);
  for (const MaybeTensor* t : {&weight, &bias})
    if (*t && (*t)->defined()) check_dtype(op, **t, kFloats);
}

at::Tensor or_undefined(const MaybeTensor& t) { return t ? *t : at::Tensor(); }

// The gradients that are wanted: of the input, and of weight and bias, which have the weight's dtype.
Three gradients(const at::Tensor& input, const MaybeTensor& weight, at::IntArrayRef sizes,
                std::array<bool, 3> mask) {
  const auto dtype = weight && weight->defined() ? weight->scalar_type() : input.scalar_type();
  Three r;
  if (mask[0]) std::get<0>(r) = empty(input.sizes(), input.scalar_type());
  auto make = [&] {
    return input.numel() ? empty(sizes, dtype) : at::zeros(sizes, input.options().dtype(dtype));
  };
  if (mask[1]) std::get<1>(r) = make();
  if (mask[2]) std::get<2>(r) = make();
  return r;
}

Three native_layer_norm(const at::Tensor& input, at::IntArrayRef shape, const MaybeTensor& weight,
                        const MaybeTensor& bias, double eps) {
  static constexpr const char* op = "layer_norm";
  c10::DeviceGuard guard(common_device(op, false, input, weight, bias));
  at::native::_check_layer_norm_inputs(input, shape, or_undefined(weight), or_undefined(bias));
  check_all(op, input, weight, bias);
  // Statistics have a one for each normalised dimension, and are float32 whatever the input is.
  Dims rows(input.sizes().begin(), input.sizes().end());
  std::fill(rows.end() - static_cast<std::ptrdiff_t>(shape.size()), rows.end(), 1);
  Three r{empty(input.sizes(), input.scalar_type()), empty(rows, at::kFloat), empty(rows, at::kFloat)};
  auto& [out, mean, rstd] = r;
  if (input.numel()) launch<aclnnLayerNorm>(input, shape, weight, bias, eps, out, mean, rstd);
  return r;
}

Three native_layer_norm_backward(const at::Tensor& grad, const at::Tensor& input, at::IntArrayRef shape,
                                 const at::Tensor& mean, const at::Tensor& rstd, const MaybeTensor& weight,
                                 const MaybeTensor& bias, std::array<bool, 3> mask) {
  static constexpr const char* op = "layer_norm_backward";
  c10::DeviceGuard guard(common_device(op, false, grad, input, mean, rstd, weight, bias));
  check_all(op, input, weight, bias);
  Three r = gradients(input, weight, shape, mask);
  auto& [grad_input, grad_weight, grad_bias] = r;
  if (input.numel())
    launch<aclnnLayerNormBackward>(grad, input, shape, mean, rstd, weight, bias, c10::ArrayRef<bool>(mask),
                                   grad_input, grad_weight, grad_bias);
  return r;
}

Three native_group_norm(const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias,
                        int64_t n, int64_t channels, int64_t pixels, int64_t groups, double eps) {
  static constexpr const char* op = "group_norm";
  c10::DeviceGuard guard(common_device(op, false, input, weight, bias));
  check_all(op, input, weight, bias);
  // CANN has the statistics in the input's dtype.
  const auto dtype = input.scalar_type();
  Three r{empty(input.sizes(), dtype, {}, input.suggest_memory_format()), empty({n, groups}, dtype),
          empty({n, groups}, dtype)};
  auto& [out, mean, rstd] = r;
  if (input.numel())
    launch<aclnnGroupNorm>(input, weight, bias, n, channels, pixels, groups, eps, out, mean, rstd);
  return r;
}

Three native_group_norm_backward(const at::Tensor& grad, const at::Tensor& input, const at::Tensor& mean,
                                 const at::Tensor& rstd, const MaybeTensor& weight, int64_t n,
                                 int64_t channels, int64_t pixels, int64_t groups, std::array<bool, 3> mask) {
  static constexpr const char* op = "group_norm_backward";
  c10::DeviceGuard guard(common_device(op, false, grad, input, mean, rstd, weight));
  check_all(op, input, weight, std::nullopt);
  Three r = gradients(input, weight, {channels}, mask);
  auto& [grad_input, grad_weight, grad_bias] = r;
  if (input.numel())
    launch<aclnnGroupNormBackward>(grad, input, mean, rstd, weight, n, channels, pixels, groups,
                                   c10::ArrayRef<bool>(mask), grad_input, grad_weight, grad_bias);
  return r;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"native_layer_norm", native_layer_norm>(m);
  impl<"native_layer_norm_backward", native_layer_norm_backward>(m);
  impl<"native_group_norm", native_group_norm>(m);
  impl<"native_group_norm_backward", native_group_norm_backward>(m);
}

}  // namespace npu::ops
