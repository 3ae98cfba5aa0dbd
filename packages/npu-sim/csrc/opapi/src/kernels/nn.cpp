// SPDX-License-Identifier: BSD-3-Clause
// Convolution, normalisation and pooling, with their backward. Reduced precision is computed in float32, as
// the device accumulates; an output that the caller does not want is null.
#include <ATen/ops/_adaptive_avg_pool2d.h>
#include <ATen/ops/_adaptive_avg_pool2d_backward.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool2d_backward.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/max_pool2d_with_indices_backward.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/native_group_norm.h>
#include <ATen/ops/native_group_norm_backward.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "../kernel.h"

namespace npu_sim::ops {

namespace {

using Dims = at::IntArrayRef;
using OptDims = const std::optional<at::IntArrayRef>&;
using Mask = at::ArrayRef<bool>;

at::Tensor wide(In t) { return t.scalar_type() == at::kDouble ? t : t.to(at::kFloat); }
std::optional<at::Tensor> wide(OptIn t) { return t ? std::optional(wide(*t)) : std::nullopt; }

// Writes a result where the caller wants it; torch leaves what it did not compute undefined or empty.
void put(OptIn out, In value) {
  if (!out || !value.defined() || value.numel() != out->numel()) return;
  out->copy_(value.sizes() == out->sizes() ? value : value.reshape(out->sizes()));
}

template <size_t N>
std::array<bool, N> wanted(Mask mask) {
  std::array<bool, N> a{};
  for (size_t i = 0; i < N && i < mask.size(); ++i) a[i] = mask[i];
  return a;
}

std::optional<int64_t> divisor(int64_t v) { return v ? std::optional(v) : std::nullopt; }

}  // namespace

NPU_SIM_KERNEL(aclnnConvolution, rules::convolution,
               rules::output_bytes) = [](In input, In weight, OptIn bias, Dims stride, Dims padding,
                                         Dims dilation, bool transposed, Dims output_padding, int64_t groups,
                                         Out out, int64_t) {
  std::optional<at::Tensor> b;
  if (bias) b = bias->reshape({-1}).to(input.scalar_type());
  put(out, at::convolution(input, weight, b, stride, padding, dilation, transposed, output_padding, groups));
};
NPU_SIM_KERNEL(aclnnConvolutionBackward, rules::convolution_backward, rules::input_bytes) =
    [](In grad, In input, In weight, OptDims bias_sizes, Dims stride, Dims padding, Dims dilation,
       bool transposed, Dims output_padding, int64_t groups, Mask mask, int64_t, OptIn grad_input,
       OptIn grad_weight, OptIn grad_bias) {
      at::OptionalIntArrayRef sizes = bias_sizes ? at::OptionalIntArrayRef(*bias_sizes) : std::nullopt;
      auto [i, w, b] = at::convolution_backward(grad, input, weight, sizes, stride, padding, dilation,
                                                transposed, output_padding, groups, wanted<3>(mask));
      put(grad_input, i);
      put(grad_weight, w);
      put(grad_bias, b);
    };

NPU_SIM_KERNEL(aclnnBatchNorm, rules::batch_norm, rules::input_bytes) =
    [](In input, OptIn weight, OptIn bias, OptIn mean, OptIn var, bool training, double momentum, double eps,
       Out out, OptIn save_mean, OptIn save_invstd) {
      auto running_mean = wide(mean), running_var = wide(var);
      auto [o, m, s] = at::native_batch_norm(wide(input), wide(weight), wide(bias), running_mean, running_var,
                                             training, momentum, eps);
      put(out, o);
      put(save_mean, m);
      put(save_invstd, s);
      if (training && mean && mean->scalar_type() != at::kFloat) mean->copy_(*running_mean);
      if (training && var && var->scalar_type() != at::kFloat) var->copy_(*running_var);
    };
NPU_SIM_KERNEL(aclnnBatchNormBackward, rules::batch_norm_backward, rules::input_bytes) =
    [](In grad, In input, OptIn weight, OptIn mean, OptIn var, OptIn save_mean, OptIn save_invstd,
       bool training, double eps, Mask mask, OptIn grad_input, OptIn grad_weight, OptIn grad_bias) {
      auto [i, w, b] =
          at::native_batch_norm_backward(wide(grad), wide(input), wide(weight), wide(mean), wide(var),
                                         wide(save_mean), wide(save_invstd), training, eps, wanted<3>(mask));
      put(grad_input, i);
      put(grad_weight, w);
      put(grad_bias, b);
    };
NPU_SIM_KERNEL(aclnnLayerNorm, rules::layer_norm, rules::input_bytes) =
    [](In input, Dims shape, OptIn weight, OptIn bias, double eps, Out out, OptIn mean, OptIn rstd) {
      auto [o, m, r] = at::native_layer_norm(wide(input), shape, wide(weight), wide(bias), eps);
      put(out, o);
      put(mean, m);
      put(rstd, r);
    };
NPU_SIM_KERNEL(aclnnLayerNormBackward, rules::layer_norm_backward, rules::input_bytes) =
    [](In grad, In input, Dims shape, In mean, In rstd, OptIn weight, OptIn bias, Mask mask, OptIn grad_input,
       OptIn grad_weight, OptIn grad_bias) {
      auto [i, w, b] = at::native_layer_norm_backward(wide(grad), wide(input), shape, wide(mean), wide(rstd),
                                                      wide(weight), wide(bias), wanted<3>(mask));
      put(grad_input, i);
      put(grad_weight, w);
      put(grad_bias, b);
    };
NPU_SIM_KERNEL(aclnnGroupNorm, rules::group_norm,
               rules::input_bytes) = [](In self, OptIn gamma, OptIn beta, int64_t n, int64_t c, int64_t hw,
                                        int64_t group, double eps, Out out, OptIn mean, OptIn rstd) {
  auto [o, m, r] =
      at::native_group_norm(wide(self).contiguous(), wide(gamma), wide(beta), n, c, hw, group, eps);
  put(out, o);
  put(mean, m);
  put(rstd, r);
};
NPU_SIM_KERNEL(aclnnGroupNormBackward, rules::group_norm_backward, rules::input_bytes) =
    [](In grad, In input, In mean, In rstd, OptIn gamma, int64_t n, int64_t c, int64_t hw, int64_t group,
       Mask mask, OptIn grad_input, OptIn grad_gamma, OptIn grad_beta) {
      auto [i, w, b] =
          at::native_group_norm_backward(wide(grad).contiguous(), wide(input).contiguous(), wide(mean),
                                         wide(rstd), wide(gamma), n, c, hw, group, wanted<3>(mask));
      put(grad_input, i);
      put(grad_gamma, w);
      put(grad_beta, b);
    };

NPU_SIM_KERNEL(aclnnMaxPool2dWithIndices, rules::pool2d, rules::output_bytes) =
    [](In self, Dims kernel, Dims stride, Dims padding, Dims dilation, bool ceil, Out out, Out indices) {
      auto [o, i] = at::max_pool2d_with_indices(self, kernel, stride, padding, dilation, ceil);
      put(out, o);
      put(indices, i);
    };
NPU_SIM_KERNEL(aclnnMaxPool2dWithIndicesBackward,
               rules::like_self) = [](In grad, In self, In indices, Dims kernel, Dims stride, Dims padding,
                                      Dims dilation, bool ceil, Out out) {
  put(out, at::max_pool2d_with_indices_backward(grad, self, kernel, stride, padding, dilation, ceil,
                                                indices.to(at::kLong)));
};
NPU_SIM_KERNEL(aclnnAvgPool2d, rules::pool2d) = [](In self, Dims kernel, Dims stride, Dims padding, bool ceil,
                                                   bool count_pad, int64_t divide_by, int64_t, Out out) {
  put(out, at::avg_pool2d(self, kernel, stride, padding, ceil, count_pad, divisor(divide_by)));
};
NPU_SIM_KERNEL(aclnnAvgPool2dBackward, rules::like_self) = [](In grad, In self, Dims kernel, Dims stride,
                                                              Dims padding, bool ceil, bool count_pad,
                                                              int64_t divide_by, int64_t, Out out) {
  put(out, at::avg_pool2d_backward(grad, self, kernel, stride, padding, ceil, count_pad, divisor(divide_by)));
};
NPU_SIM_KERNEL(aclnnAdaptiveAvgPool2d, rules::resized2d) = [](In self, Dims size, Out out) {
  put(out, at::_adaptive_avg_pool2d(self, size));
};
NPU_SIM_KERNEL(aclnnAdaptiveAvgPool2dBackward, rules::like_self) = [](In grad, In self, Out out) {
  put(out, at::_adaptive_avg_pool2d_backward(grad, self));
};
NPU_SIM_KERNEL(aclnnUpsampleNearest2d, rules::resized2d) = [](In self, Dims size, Out out) {
  put(out, at::upsample_nearest2d(self, size));
};

}  // namespace npu_sim::ops
