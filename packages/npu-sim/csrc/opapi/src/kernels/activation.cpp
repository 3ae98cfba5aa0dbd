// SPDX-License-Identifier: BSD-3-Clause
// Activations, clamps and their derivatives.
#include <ATen/ops/clamp.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/leaky_relu_backward.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid_backward.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/ops/tanh_backward.h>
#include <ATen/ops/threshold_backward.h>

#include "../kernel.h"

namespace npu_sim::ops {

NPU_SIM_KERNEL(aclnnRelu, rules::all<rules::first_shape, rules::one_dtype>) = [](In self, Out out) {
  at::relu_out(out, self);
};
NPU_SIM_KERNEL(aclnnInplaceRelu, rules::in_place) = [](Out self) { at::relu_(self); };
NPU_SIM_KERNEL(aclnnThresholdBackward, rules::broadcast) = [](In grad, In self, Num threshold, Out out) {
  at::threshold_backward_out(out, grad, self, threshold);
};
NPU_SIM_KERNEL(aclnnTanhBackward, rules::broadcast) = [](In grad, In output, Out out) {
  at::tanh_backward_out(out, grad, output);
};
NPU_SIM_KERNEL(aclnnSigmoidBackward, rules::broadcast) = [](In grad, In output, Out out) {
  at::sigmoid_backward_out(out, grad, output);
};
NPU_SIM_KERNEL(aclnnSilu, rules::all<rules::first_shape, rules::one_dtype>) = [](In self, Out out) {
  at::silu_out(out, self);
};
NPU_SIM_KERNEL(aclnnSiluBackward, rules::broadcast) = [](In grad, In self, Out out) {
  at::silu_backward_out(out, grad, self);
};
NPU_SIM_KERNEL(aclnnLeakyRelu, rules::same) = [](In self, Num slope, Out out) {
  at::leaky_relu_out(out, self, slope);
};
NPU_SIM_KERNEL(aclnnInplaceLeakyRelu, rules::in_place) = [](Out self, Num slope) {
  at::leaky_relu_out(self, self, slope);
};
NPU_SIM_KERNEL(aclnnLeakyReluBackward, rules::broadcast) = [](In grad, In self, Num slope, bool is_result,
                                                              Out out) {
  at::leaky_relu_backward_out(out, grad, self, slope, is_result);
};

// The first version is the tanh approximation; the second says which.
NPU_SIM_KERNEL(aclnnGelu, rules::same) = [](In self, Out out) { at::gelu_out(out, self, "tanh"); };
NPU_SIM_KERNEL(aclnnGeluV2, rules::all<rules::first_shape, rules::one_dtype>) =
    [](In x, int64_t approximate, Out y) { at::gelu_out(y, x, approximate == 1 ? "tanh" : "none"); };
NPU_SIM_KERNEL(aclnnGeluBackward, rules::broadcast) = [](In grad, In self, Out out) {
  at::gelu_backward_out(out, grad, self, "tanh");
};
NPU_SIM_KERNEL(aclnnGeluBackwardV2, rules::gelu_backward) = [](In grad, In self, std::string_view approximate,
                                                               Out out) {
  at::gelu_backward_out(out, grad, self, approximate);
};

NPU_SIM_KERNEL(aclnnClamp, rules::broadcast) = [](In self, OptNum min, OptNum max, Out out) {
  if (min || max)
    at::clamp_out(out, self, min, max);
  else
    out.copy_(self);
};
NPU_SIM_KERNEL(aclnnClampTensor, rules::broadcast) = [](In self, OptIn min, OptIn max, Out out) {
  if (min || max)
    at::clamp_out(out, self, min, max);
  else
    out.copy_(self);
};
NPU_SIM_KERNEL(aclnnClampMin, rules::broadcast) = [](In self, Num min, Out out) {
  at::clamp_out(out, self, min, std::nullopt);
};
NPU_SIM_KERNEL(aclnnClampMax, rules::broadcast) = [](In self, Num max, Out out) {
  at::clamp_out(out, self, std::nullopt, max);
};

}  // namespace npu_sim::ops
