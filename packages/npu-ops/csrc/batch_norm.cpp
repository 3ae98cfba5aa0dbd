// SPDX-License-Identifier: BSD-3-Clause
// Batch normalisation under the names that PyTorch has for it. Statistics of the batch are float32, whatever
// the input is; in evaluation there are none, and their tensors are empty.
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

void check_all(const char* op, std::initializer_list<const MaybeTensor*> tensors) {
  for (const MaybeTensor* t : tensors)
    if (*t && (*t)->defined()) check_dtype(op, **t, kFloats);
}

// Channels of `input`. RuntimeError, as torch words it, where a tensor of another length goes with them.
int64_t channels(const at::Tensor& input,
                 std::initializer_list<std::pair<const char*, const MaybeTensor*>> of) {
  TORCH_CHECK(input.dim() >= 2, "batch_norm expects an input of at least 2 dimensions, but got shape ",
              input.sizes());
  const int64_t n = input.size(1);
  for (auto [name, t] : of)
    TORCH_CHECK(!*t || !(*t)->defined() || (*t)->numel() == n, "batch_norm: ", name, " should contain ", n,
                " elements not ", (*t)->numel(), ", for an input of shape ", input.sizes());
  return n;
}

void normalize(const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias,
               const MaybeTensor& mean, const MaybeTensor& var, bool training, double momentum, double eps,
               const at::Tensor& out, const at::Tensor& save_mean, const at::Tensor& save_invstd) {
  check::parameters("batch_norm", input, weight, bias);
  check::parameters("batch_norm", input, mean, var);
  check_all("batch_norm", {&weight, &bias, &mean, &var});
  check_dtype("batch_norm", input, kFloats);
  if (input.numel())
    launch<aclnnBatchNorm>(input, weight, bias, mean, var, training, momentum, eps, out, save_mean,
                           save_invstd);
}

Three native_batch_norm(const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias,
                        const MaybeTensor& mean, const MaybeTensor& var, bool training, double momentum,
                        double eps) {
  c10::DeviceGuard guard(common_device("batch_norm", false, input, weight, bias, mean, var));
  int64_t n =
      channels(input, {{"weight", &weight}, {"bias", &bias}, {"running_mean", &mean}, {"running_var", &var}});
  if (!training) n = 0;
  Three r{empty_as(input, input.scalar_type()), empty({n}, at::kFloat), empty({n}, at::kFloat)};
  auto& [out, save_mean, save_invstd] = r;
  normalize(input, weight, bias, mean, var, training, momentum, eps, out, save_mean, save_invstd);
  return r;
}

std::tuple<at::Tensor&, at::Tensor&, at::Tensor&> native_batch_norm_out(
    const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias, const MaybeTensor& mean,
    const MaybeTensor& var, bool training, double momentum, double eps, at::Tensor& out,
    at::Tensor& save_mean, at::Tensor& save_invstd) {
  c10::DeviceGuard guard(common_device("batch_norm", false, input, weight, bias, mean, var, out));
  int64_t n =
      channels(input, {{"weight", &weight}, {"bias", &bias}, {"running_mean", &mean}, {"running_var", &var}});
  if (!training) n = 0;
  resize_out(out, input.sizes(), {}, input.options());
  for (at::Tensor* t : {&save_mean, &save_invstd}) resize_out(*t, {n}, {}, t->options());
  normalize(input, weight, bias, mean, var, training, momentum, eps, out, save_mean, save_invstd);
  return {out, save_mean, save_invstd};
}

// The same with schemas that say which tensors are written.
Three legit(const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias, at::Tensor& mean,
            at::Tensor& var, bool training, double momentum, double eps) {
  return native_batch_norm(input, weight, bias, mean, var, training, momentum, eps);
}
Three legit_no_stats(const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias,
                     bool training, double momentum, double eps) {
  return native_batch_norm(input, weight, bias, {}, {}, training, momentum, eps);
}
std::tuple<at::Tensor&, at::Tensor&, at::Tensor&> legit_out(const at::Tensor& input,
                                                            const MaybeTensor& weight,
                                                            const MaybeTensor& bias, at::Tensor& mean,
                                                            at::Tensor& var, bool training, double momentum,
                                                            double eps, at::Tensor& out,
                                                            at::Tensor& save_mean, at::Tensor& save_invstd) {
  return native_batch_norm_out(input, weight, bias, mean, var, training, momentum, eps, out, save_mean,
                               save_invstd);
}
std::tuple<at::Tensor&, at::Tensor&, at::Tensor&> legit_no_stats_out(
    const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias, bool training,
    double momentum, double eps, at::Tensor& out, at::Tensor& save_mean, at::Tensor& save_invstd) {
  return native_batch_norm_out(input, weight, bias, {}, {}, training, momentum, eps, out, save_mean,
                               save_invstd);
}
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> with_update(const at::Tensor& input,
                                                                       const MaybeTensor& weight,
                                                                       const MaybeTensor& bias,
                                                                       at::Tensor& mean, at::Tensor& var,
                                                                       double momentum, double eps) {
  auto [out, save_mean, save_invstd] = native_batch_norm(input, weight, bias, mean, var, true, momentum, eps);
  c10::DeviceGuard guard(input.device());
  return {out, save_mean, save_invstd, empty({0}, at::kByte)};
}

Three native_batch_norm_backward(const at::Tensor& grad, const at::Tensor& input, const MaybeTensor& weight,
                                 const MaybeTensor& mean, const MaybeTensor& var,
                                 const MaybeTensor& save_mean, const MaybeTensor& save_invstd, bool training,
                                 double eps, std::array<bool, 3> mask) {
  static constexpr const char* op = "batch_norm_backward";
  c10::DeviceGuard guard(common_device(op, false, grad, input, weight, mean, var, save_mean, save_invstd));
  check_all(op, {&weight, &mean, &var, &save_mean, &save_invstd});
  check_dtype(op, input, kFloats);
  const int64_t n = channels(input, {{"weight", &weight}});
  const auto dtype = weight && weight->defined() ? weight->scalar_type() : input.scalar_type();
  const auto options = input.options().dtype(dtype);
  const bool none = input.numel() == 0;
  at::Tensor grad_input, grad_weight, grad_bias;
  if (mask[0]) grad_input = empty_as(input, input.scalar_type());
  if (mask[1]) grad_weight = none ? at::zeros({n}, options) : empty({n}, dtype);
  if (mask[2]) grad_bias = none ? at::zeros({n}, options) : empty({n}, dtype);
  if (!none)
    launch<aclnnBatchNormBackward>(grad, input, weight, mean, var, save_mean, save_invstd, training, eps,
                                   c10::ArrayRef<bool>(mask), grad_input, grad_weight, grad_bias);
  return {grad_input, grad_weight, grad_bias};
}

Three batch_norm_backward(const at::Tensor& grad, const at::Tensor& input, const at::Tensor& weight,
                          const MaybeTensor& mean, const MaybeTensor& var, const MaybeTensor& save_mean,
                          const MaybeTensor& save_invstd, bool update, double eps, std::array<bool, 3> mask,
                          const at::Tensor&) {
  return native_batch_norm_backward(grad, input, weight, mean, var, save_mean, save_invstd, update, eps,
                                    mask);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"native_batch_norm", native_batch_norm>(m);
  impl<"native_batch_norm.out", native_batch_norm_out>(m);
  impl<"native_batch_norm_backward", native_batch_norm_backward>(m);
  impl<"_native_batch_norm_legit", legit>(m);
  impl<"_native_batch_norm_legit.no_stats", legit_no_stats>(m);
  impl<"_native_batch_norm_legit.out", legit_out>(m);
  impl<"_native_batch_norm_legit.no_stats_out", legit_no_stats_out>(m);
  impl<"_batch_norm_with_update", with_update>(m);
  impl<"batch_norm_backward", batch_norm_backward>(m);
}

}  // namespace npu::ops
