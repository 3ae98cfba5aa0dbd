// SPDX-License-Identifier: BSD-3-Clause
// What networks do in a row and the device in one: statistics, softmax of masked scores, projections for
// attention, convolutions by another layout.
#include <ATen/TensorOperators.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/conv_tbc.h>
#include <ATen/ops/conv_tbc_backward.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/std_mean.h>

#include <cmath>
#include <numeric>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;
using Dims = at::IntArrayRef;
using OptDims = const std::optional<at::IntArrayRef>&;

at::OptionalIntArrayRef some(OptDims dims) {
  if (!dims || dims->empty()) return std::nullopt;
  return *dims;
}

// [B, N, S, T] and a mask for each of B and N, or for all.
void masked_softmax(const Call& c) {
  const auto &x = rules::first_input(c), &mask = at(c, "mask");
  if (x.ndim != 4) rules::refuse(c, c.op().params[0].name, nnop::describe(x), "4 dims");
  rules::Shape s = rules::shape(x);
  if (!rules::number(c, c.op().params[c.op().count - 2].name)) rules::broadcast_with(c, s, "mask", mask);
  if (!rules::equal(s, x.sizes()))
    rules::refuse(c, "mask", nnop::describe(mask), "a shape that broadcasts to " + rules::text(x.sizes()));
  rules::expect_outputs(c, x.sizes(), "that of the scores");
}

// The mask itself, or what lies above the diagonal.
at::Tensor hidden(In mask, In x, bool triangle) {
  if (!triangle) return mask;
  return at::Tensor(mask.new_ones({x.size(-2), x.size(-1)})).triu(1);
}

// [B, T, 3 * D] into queries, keys and values of [B, heads, T, D / heads].
void qkv(const Call& c) {
  const auto &in = at(c, "qkv"), &bias = at(c, "qkvBias");
  const int64_t heads = rules::number(c, "numHeads");
  if (in.ndim != 3 || heads < 1 || in.sizes()[2] % (3 * heads))
    rules::refuse(c, "qkv", nnop::describe(in), "3 dims, the last three times a multiple of 'numHeads'");
  rules::expect_numel(c, "qkvBias", bias, in.sizes()[2]);
  const int64_t s[] = {in.sizes()[0], heads, in.sizes()[1], in.sizes()[2] / 3 / heads};
  rules::expect_outputs(c, s, "a row for each head and step");
}

void fast_layer_norm(const Call& c) { rules::layer_norm(c); }

// [time, batch, channels] by [kernel, channels, channels out].
void conv_tbc(const Call& c) {
  const auto &self = at(c, "self"), &weight = at(c, "weight"), &bias = at(c, "bias");
  for (auto [name, t] : {std::pair("self", &self), std::pair("weight", &weight)})
    if (t->ndim != 3) rules::refuse(c, name, nnop::describe(*t), "3 dims");
  if (self.sizes()[2] != weight.sizes()[1])
    rules::refuse(c, "weight", nnop::describe(weight), "as many channels as " + nnop::describe(self));
  rules::expect_numel(c, "bias", bias, weight.sizes()[2]);
  const int64_t s[] = {self.sizes()[0] + 2 * rules::number(c, "pad") - weight.sizes()[0] + 1, self.sizes()[1],
                       weight.sizes()[2]};
  rules::expect_outputs(c, s, "that of the convolution");
}

void conv_tbc_backward(const Call& c) {
  for (auto [grad, of] :
       {std::pair("gradInput", "input"), std::pair("gradWeight", "weight"), std::pair("gradBias", "bias")})
    rules::expect_shape(c, grad, at(c, grad), at(c, of).sizes(), "that of what it is the gradient of");
}

void depthwise(const Call& c) {
  const auto &self = at(c, "self"), &weight = at(c, "weight");
  if (self.ndim != 4) rules::refuse(c, "self", nnop::describe(self), "4 dims");
  if (weight.ndim != 4 || weight.sizes()[1] != 1 || weight.sizes()[0] % self.sizes()[1])
    rules::refuse(c, "weight", nnop::describe(weight), "filters of one channel, as many for each of 'self'");
}

}  // namespace

NPU_SIM_KERNEL(aclnnStdMeanCorrection, rules::reduce, rules::input_bytes) =
    [](In self, OptDims dims, int64_t correction, bool keep, Out std, Out mean) {
      auto [s, m] = at::std_mean(self, some(dims), at::Scalar(correction), keep);
      put(std, s);
      put(mean, m);
    };
NPU_SIM_KERNEL(aclnnLogSumExp, rules::reduce, rules::input_bytes) = [](In self, Dims dims, bool keep,
                                                                       Out out) {
  std::vector<int64_t> all(static_cast<size_t>(self.dim()));
  std::iota(all.begin(), all.end(), 0);
  put(out, at::logsumexp(self, dims.empty() ? Dims(all) : dims, keep));
};
NPU_SIM_KERNEL(aclnnScaledMaskedSoftmax, masked_softmax) = [](In x, In mask, double scale, bool triangle,
                                                              Out y) {
  const at::Tensor scores = (x.to(at::kFloat) * scale).masked_fill(hidden(mask, x, triangle), -10000.0);
  put(y, at::softmax(scores, -1));
};
NPU_SIM_KERNEL(aclnnScaledMaskedSoftmaxBackward, masked_softmax) = [](In grad, In y, In mask, double scale,
                                                                      bool triangle, Out out) {
  const at::Tensor g = at::_softmax_backward_data(grad.to(at::kFloat), y.to(at::kFloat), -1, at::kFloat);
  put(out, g.mul(scale).masked_fill(hidden(mask, y, triangle), 0.0));
};
// Queries are divided by the root of a head's width.
NPU_SIM_KERNEL(aclnnTransformBiasRescaleQkv, qkv) = [](In in, In bias, int64_t heads, Out q, Out k, Out v) {
  const int64_t width = in.size(2) / 3 / heads;
  const at::Tensor all = (wide(in) + wide(bias).reshape({1, 1, -1}))
                             .reshape({in.size(0), in.size(1), 3, heads, width})
                             .permute({2, 0, 3, 1, 4});
  put(q, all[0] / std::sqrt(static_cast<double>(width)));
  put(k, all[1]);
  put(v, all[2]);
};
NPU_SIM_KERNEL(aclnnFastLayerNorm, fast_layer_norm, rules::input_bytes) =
    [](In input, Dims shape, OptIn weight, OptIn bias, double eps, Out out, OptIn mean, OptIn rstd) {
      auto [o, m, r] = at::native_layer_norm(wide(input), shape, wide(weight), wide(bias), eps);
      put(out, o);
      put_wanted(mean, m);
      put_wanted(rstd, r);
    };

NPU_SIM_KERNEL(aclnnConvTbc, conv_tbc, rules::output_bytes) = [](In self, In weight, In bias, int64_t pad,
                                                                 Out out, int64_t) {
  put(out, at::conv_tbc(wide(self), wide(weight), wide(bias), pad));
};
NPU_SIM_KERNEL(aclnnConvTbcBackward, conv_tbc_backward,
               rules::input_bytes) = [](In grad, In input, In weight, In bias, int64_t pad, int64_t,
                                        Out grad_input, Out grad_weight, Out grad_bias) {
  auto [i, w, b] = at::conv_tbc_backward(wide(grad), wide(input), wide(weight), wide(bias), pad);
  put(grad_input, i);
  put(grad_weight, w);
  put(grad_bias, b);
};
// Every channel by filters of its own.
NPU_SIM_KERNEL(aclnnConvDepthwise2d, depthwise, rules::output_bytes) =
    [](In self, In weight, Dims, OptIn bias, Dims stride, Dims padding, Dims dilation, Out out, int64_t) {
      std::optional<at::Tensor> b;
      if (bias) b = wide(*bias).reshape({-1});
      put(out, at::convolution(wide(self), wide(weight), b, stride, padding, dilation, /*transposed=*/false,
                               {0, 0}, self.size(1)));
    };

}  // namespace npu_sim::ops
