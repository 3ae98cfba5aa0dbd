// SPDX-License-Identifier: BSD-3-Clause
// Batch normalisation in steps, between which ranks exchange what they found. Channels are dim 1; everything
// is computed in float32 or wider.
#include <ATen/TensorOperators.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/var_mean.h>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

int64_t channels(const Call& c) {
  const auto& in = rules::first_input(c);
  if (in.ndim < 2) rules::refuse(c, c.op().params[0].name, nnop::describe(in), "at least 2 dims");
  return in.sizes()[1];
}

// Those of `names` that are present have an element for each of `n` channels.
void expect_each(const Call& c, std::initializer_list<const char*> names, int64_t n) {
  for (const char* name : names)
    if (const auto* t = rules::optional(c, name)) rules::expect_numel(c, name, *t, n);
}

// Outputs of an element a channel.
void statistics(const Call& c) {
  const int64_t n = channels(c);
  rules::for_each_output(
      c, [&](const rules::Param& p, const rules::FlatTensor& t) { rules::expect_numel(c, p.name, t, n); });
}

void elements(const Call& c) {
  expect_each(c, {"weight", "bias", "mean", "invstd", "sumDy", "sumDyXmu"}, channels(c));
  rules::expect_outputs(c, rules::first_input(c).sizes(), "that of the input");
}

void reduce_backward(const Call& c) {
  const int64_t n = channels(c);
  expect_each(c, {"mean", "invstd", "weight", "sumDy", "sumDyXmu", "gradWeight", "gradBias"}, n);
  rules::expect_shape(c, "input", rules::at(c, "input"), rules::at(c, "gradOut").sizes(),
                      "that of 'gradOut'");
}

// A row of statistics for each of the ranks.
void gather(const Call& c) {
  const int64_t n = channels(c);
  const auto& mean = rules::at(c, "mean");
  if (mean.ndim != 2 || mean.sizes()[1] != n)
    rules::refuse(c, "mean", nnop::describe(mean), "rows of " + std::to_string(n) + " channels");
  rules::expect_shape(c, "invstd", rules::at(c, "invstd"), mean.sizes(), "that of 'mean'");
  expect_each(c, {"runningMean", "runningVar", "meanAll", "invstdAll"}, n);
  rules::expect_numel(c, "counts", rules::at(c, "counts"), mean.sizes()[0]);
}

std::vector<int64_t> all_but_channels(In t) {
  std::vector<int64_t> dims{0};
  for (int64_t d = 2; d < t.dim(); ++d) dims.push_back(d);
  return dims;
}

// An element a channel, in a shape that broadcasts with `like`.
at::Tensor by_channel(In t, In like) {
  std::vector<int64_t> shape(static_cast<size_t>(like.dim()), 1);
  shape[1] = t.numel();
  return wide(t).reshape(shape);
}

}  // namespace

NPU_SIM_KERNEL(aclnnBatchNormStats, statistics, rules::input_bytes) = [](In input, double eps, Out mean,
                                                                         Out invstd) {
  auto [v, m] = at::var_mean(wide(input), all_but_channels(input), at::Scalar(0), /*keepdim=*/false);
  put(mean, m);
  put(invstd, at::rsqrt(v + eps));
};
NPU_SIM_KERNEL(aclnnBatchNormReduce, statistics, rules::input_bytes) = [](In x, Out sum, Out squares) {
  const at::Tensor t = wide(x);
  put(sum, at::sum(t, all_but_channels(x)));
  put(squares, at::sum(t * t, all_but_channels(x)));
};
NPU_SIM_KERNEL(aclnnBatchNormElemt, elements) = [](In input, OptIn weight, OptIn bias, In mean, In invstd,
                                                   double, Out out) {
  at::Tensor r = (wide(input) - by_channel(mean, input)) * by_channel(invstd, input);
  if (weight) r = r * by_channel(*weight, input);
  if (bias) r = r + by_channel(*bias, input);
  put(out, r);
};
// Each rank's variance is taken around its own mean, and brought to that of all.
NPU_SIM_KERNEL(aclnnBatchNormGatherStatsWithCounts,
               gather) = [](In, In mean, In invstd, OptIn running_mean, OptIn running_var, double momentum,
                            double eps, In counts, Out mean_all, Out invstd_all) {
  const at::Tensor n = counts.reshape({-1, 1}).to(at::kDouble), m = mean.to(at::kDouble);
  const at::Tensor total = n.sum(), var = invstd.to(at::kDouble).pow(-2) - eps;
  const at::Tensor middle = (m * n).sum(0) / total;
  const at::Tensor spread = ((var + (m - middle).pow(2)) * n).sum(0);
  put(mean_all, middle);
  put(invstd_all, at::rsqrt(spread / total + eps));
  auto follow = [&](OptIn running, In now) {
    if (running)
      put(*running, running->to(at::kDouble) * (1 - momentum) + now.reshape(running->sizes()) * momentum);
  };
  follow(running_mean, middle);
  follow(running_var, spread / (total - 1));
};
NPU_SIM_KERNEL(aclnnBatchNormReduceBackward, reduce_backward,
               rules::input_bytes) = [](In grad, In input, In mean, In invstd, OptIn, bool, bool, bool,
                                        OptIn sum_dy, OptIn sum_dy_xmu, OptIn grad_weight, OptIn grad_bias) {
  const at::Tensor g = wide(grad), centred = wide(input) - by_channel(mean, input);
  const at::Tensor dy = at::sum(g, all_but_channels(g)), xmu = at::sum(g * centred, all_but_channels(g));
  put_wanted(sum_dy, dy);
  put_wanted(sum_dy_xmu, xmu);
  put_wanted(grad_weight, xmu * wide(invstd));
  put_wanted(grad_bias, dy);
};
// 'counter' has each rank's number of elements a channel.
NPU_SIM_KERNEL(aclnnBatchNormElemtBackward, elements) =
    [](In grad, In input, In mean, In invstd, OptIn weight, In sum_dy, In sum_dy_xmu, In counter, Out out) {
      const at::Tensor n = wide(counter).to(at::kFloat).sum(), scale = by_channel(invstd, input);
      const at::Tensor centred = wide(input) - by_channel(mean, input);
      at::Tensor r = (wide(grad) - by_channel(sum_dy, input) / n -
                      centred * scale * scale * (by_channel(sum_dy_xmu, input) / n)) *
                     scale;
      if (weight) r = r * by_channel(*weight, input);
      put(out, r);
    };

}  // namespace npu_sim::ops
