// SPDX-License-Identifier: BSD-3-Clause
// Batch normalisation in the steps between which SyncBatchNorm's ranks exchange statistics, which are
// float32.
#include <ATen/ops/full.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;
using Two = std::tuple<at::Tensor, at::Tensor>;

constexpr DtypeSet kFloats = dtypes("fhb");

int64_t channels(const char* op, const at::Tensor& input) {
  check_dtype(op, input, kFloats);
  TORCH_CHECK(input.dim() >= 2, op, " expects an input of at least 2 dimensions, but got shape ",
              input.sizes());
  return input.size(1);
}

Two stats(const at::Tensor& input, double eps) {
  c10::DeviceGuard guard(input.device());
  const int64_t n = channels("batch_norm_stats", input);
  Two r{empty({n}, at::kFloat), empty({n}, at::kFloat)};
  launch<aclnnBatchNormStats>(input, eps, std::get<0>(r), std::get<1>(r));
  return r;
}

at::Tensor& elemt_out(const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias,
                      const at::Tensor& mean, const at::Tensor& invstd, double eps, at::Tensor& out) {
  static constexpr const char* op = "batch_norm_elemt";
  c10::DeviceGuard guard(common_device(op, false, input, weight, bias, mean, invstd, out));
  channels(op, input);
  resize_out(out, input.sizes(), {}, input.options());
  if (input.numel()) launch<aclnnBatchNormElemt>(input, weight, bias, mean, invstd, eps, out);
  return out;
}

at::Tensor elemt(const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias,
                 const at::Tensor& mean, const at::Tensor& invstd, double eps) {
  c10::DeviceGuard guard(input.device());
  at::Tensor out = empty(input.sizes(), input.scalar_type(), {}, input.suggest_memory_format());
  return elemt_out(input, weight, bias, mean, invstd, eps, out);
}

Two gather(const at::Tensor& input, const at::Tensor& mean, const at::Tensor& invstd,
           const MaybeTensor& running_mean, const MaybeTensor& running_var, double momentum, double eps,
           const at::Tensor& counts) {
  static constexpr const char* op = "batch_norm_gather_stats_with_counts";
  c10::DeviceGuard guard(common_device(op, false, input, mean, invstd, running_mean, running_var, counts));
  const int64_t n = channels(op, input);
  Two r{empty({n}, at::kFloat), empty({n}, at::kFloat)};
  launch<aclnnBatchNormGatherStatsWithCounts>(input, mean, invstd, running_mean, running_var, momentum, eps,
                                              cast(counts, at::kFloat), std::get<0>(r), std::get<1>(r));
  return r;
}

Two gather_same(const at::Tensor& input, const at::Tensor& mean, const at::Tensor& invstd,
                const MaybeTensor& running_mean, const MaybeTensor& running_var, double momentum, double eps,
                int64_t count) {
  c10::DeviceGuard guard(input.device());
  const at::Tensor counts = at::full({mean.size(0)}, count, mean.options().dtype(at::kFloat));
  return gather(input, mean, invstd, running_mean, running_var, momentum, eps, counts);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> reduce_backward(
    const at::Tensor& grad, const at::Tensor& input, const at::Tensor& mean, const at::Tensor& invstd,
    const MaybeTensor& weight, bool for_input, bool for_weight, bool for_bias) {
  static constexpr const char* op = "batch_norm_backward_reduce";
  c10::DeviceGuard guard(common_device(op, false, grad, input, mean, invstd, weight));
  const int64_t n = channels(op, input);
  const auto type = weight && weight->defined() ? weight->scalar_type() : at::kFloat;
  auto made = [n](bool want, c10::ScalarType t) { return want ? empty({n}, t) : at::Tensor(); };
  const at::Tensor sum_dy = made(for_input, at::kFloat), sum_dy_xmu = made(for_input, at::kFloat);
  const at::Tensor grad_weight = made(for_weight, type), grad_bias = made(for_bias, type);
  launch<aclnnBatchNormReduceBackward>(grad, input, mean, invstd, weight, for_input, for_weight, for_bias,
                                       sum_dy, sum_dy_xmu, grad_weight, grad_bias);
  return {sum_dy, sum_dy_xmu, grad_weight, grad_bias};
}

at::Tensor elemt_backward(const at::Tensor& grad, const at::Tensor& input, const at::Tensor& mean,
                          const at::Tensor& invstd, const MaybeTensor& weight, const at::Tensor& sum_dy,
                          const at::Tensor& sum_dy_xmu, const at::Tensor& counts) {
  static constexpr const char* op = "batch_norm_backward_elemt";
  c10::DeviceGuard guard(
      common_device(op, false, grad, input, mean, invstd, weight, sum_dy, sum_dy_xmu, counts));
  channels(op, input);
  at::Tensor out = empty(input.sizes(), input.scalar_type(), {}, input.suggest_memory_format());
  if (input.numel())
    launch<aclnnBatchNormElemtBackward>(grad, input, mean, invstd, weight, sum_dy, sum_dy_xmu,
                                        cast(counts, at::kInt), out);
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"batch_norm_stats", stats>(m);
  impl<"batch_norm_elemt", elemt>(m);
  impl<"batch_norm_elemt.out", elemt_out>(m);
  impl<"batch_norm_gather_stats", gather_same>(m);
  impl<"batch_norm_gather_stats_with_counts", gather>(m);
  impl<"batch_norm_backward_reduce", reduce_backward>(m);
  impl<"batch_norm_backward_elemt", elemt_backward>(m);
}

}  // namespace npu::ops
