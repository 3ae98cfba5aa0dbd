// SPDX-License-Identifier: BSD-3-Clause
// Activations with a slope that is learnt or drawn, and other forms of common ones.
#include <ATen/ops/_prelu_kernel.h>
#include <ATen/ops/_prelu_kernel_backward.h>
#include <ATen/ops/celu.h>
#include <ATen/ops/hardswish_backward.h>
#include <ATen/ops/log_sigmoid_forward.h>
#include <ATen/ops/mul.h>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

// One slope, or one a channel: dim 1 of 'self'.
void prelu(const Call& c) {
  const auto &self = rules::at(c, "self"), &weight = rules::at(c, "weight");
  const int64_t channels = self.ndim > 1 ? self.sizes()[1] : 1;
  if (weight.numel() != 1 && weight.numel() != channels)
    rules::refuse(c, "weight", nnop::describe(weight), "one element, or " + std::to_string(channels));
  const auto [p, out] = rules::first_output(c);
  rules::expect_shape(c, p.name, out, self.sizes(), "that of 'self'");
}

void prelu_backward(const Call& c) {
  prelu(c);
  rules::expect_shape(c, "gradOutput", rules::at(c, "gradOutput"), rules::at(c, "self").sizes(),
                      "that of 'self'");
}

// The slopes in a shape that broadcasts with 'self' over its channels.
at::Tensor slopes(In weight, In self) {
  at::Tensor w = weight.to(self.scalar_type());
  if (w.numel() == 1) return w.reshape({});
  std::vector<int64_t> shape(static_cast<size_t>(self.dim()), 1);
  shape[1] = w.numel();
  return w.reshape(shape);
}

// 'buffer' is for the backward pass and may be empty.
void first_output_like_self(const Call& c) {
  const auto [p, out] = rules::first_output(c);
  rules::expect_shape(c, p.name, out, rules::at(c, "self").sizes(), "that of 'self'");
}

}  // namespace

NPU_SIM_KERNEL(aclnnCelu, rules::same) = [](In self, Num alpha, Out out) {
  out.copy_(at::celu(self, alpha));
};
NPU_SIM_KERNEL(aclnnPrelu, prelu) = [](In self, In weight, Out out) {
  out.copy_(at::_prelu_kernel(self, slopes(weight, self)));
};
NPU_SIM_KERNEL(aclnnPreluBackward, prelu_backward) = [](In grad, In self, In weight, Out grad_input,
                                                        Out grad_weight) {
  const at::Tensor w = slopes(weight, self);
  auto [i, each] = at::_prelu_kernel_backward(grad.to(self.scalar_type()), self, w);
  grad_input.copy_(i);
  // torch wants the gradient of every use, CANN's documentation their sum; the output's size tells.
  put(grad_weight, each.numel() == grad_weight.numel() ? each : wide(each).sum_to_size(w.sizes()));
};
NPU_SIM_KERNEL(aclnnLogSigmoidForward, first_output_like_self) = [](In self, Out out, OptIn buffer) {
  auto [o, b] = at::log_sigmoid_forward(self);
  out.copy_(o);
  put_wanted(buffer, b);
};
NPU_SIM_KERNEL(aclnnHardswishBackwardV2, rules::broadcast) = [](In grad, In self, Out out) {
  out.copy_(at::hardswish_backward(grad, self));
};
NPU_SIM_KERNEL(aclnnMaskedScale, rules::first_shape) = [](In self, In mask, double scale, Out out) {
  out.copy_(at::mul(self, mask).mul_(scale));
};

// x sigmoid(1.702 x), which stands for gelu.
NPU_SIM_KERNEL(aclnnFastGelu, rules::same) = [](In self, Out out) {
  const at::Tensor x = self.to(at::kFloat);
  out.copy_(x.mul(1.702).sigmoid_().mul_(x));
};
NPU_SIM_KERNEL(aclnnFastGeluBackward, rules::same) = [](In grad, In self, Out out) {
  const at::Tensor x = self.to(at::kFloat).mul(1.702), share = x.sigmoid();
  out.copy_(share.mul(x.mul(share.neg().add_(1)).add_(1)).mul_(grad.to(at::kFloat)));
};

}  // namespace npu_sim::ops
