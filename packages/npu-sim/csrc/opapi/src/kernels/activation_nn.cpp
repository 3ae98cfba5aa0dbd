// SPDX-License-Identifier: BSD-3-Clause
// The activations of torch.nn beyond the common ones, with their derivatives.
#include <ATen/ops/elu.h>
#include <ATen/ops/elu_backward.h>
#include <ATen/ops/glu.h>
#include <ATen/ops/glu_backward.h>
#include <ATen/ops/hardshrink.h>
#include <ATen/ops/hardshrink_backward.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardsigmoid_backward.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/hardswish_backward.h>
#include <ATen/ops/hardtanh.h>
#include <ATen/ops/hardtanh_backward.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/logit_backward.h>
#include <ATen/ops/mish.h>
#include <ATen/ops/mish_backward.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/softplus_backward.h>
#include <ATen/ops/softshrink.h>
#include <ATen/ops/softshrink_backward.h>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;

// The shape of 'self' and its dtype, the same for everything that is read.
constexpr auto* kSame = &rules::all<rules::first_shape, rules::one_dtype>;

// 'self' with half of dimension 'dim'.
rules::Shape gated(const Call& c) {
  const auto& self = at(c, "self");
  if (self.ndim == 0) rules::refuse(c, "self", nnop::describe(self), "at least one dim");
  rules::Shape s = rules::shape(self);
  const auto dim = static_cast<size_t>(rules::wrap(c, "dim", rules::number(c, "dim"), self.ndim));
  if (s[dim] % 2)
    rules::refuse(c, "self", nnop::describe(self), "an even size of dim " + std::to_string(dim));
  s[dim] /= 2;
  return s;
}

void glu(const Call& c) {
  rules::expect_outputs(c, gated(c), "that of 'self' with half of 'dim'");
  rules::one_dtype(c);
}

void glu_backward(const Call& c) {
  rules::expect_shape(c, "gradOut", at(c, "gradOut"), gated(c), "that of 'self' with half of 'dim'");
  rules::like_self(c);
}

// log_sigmoid's `buffer` may be empty, so only the gradient must fit.
void log_sigmoid_backward(const Call& c) {
  rules::expect_shape(c, "gradOutput", at(c, "gradOutput"), at(c, "self").sizes(), "that of 'self'");
  rules::like_self(c);
}

}  // namespace

NPU_SIM_KERNEL(aclnnHardtanh, rules::same) = [](In self, Num min, Num max, Out out) {
  at::hardtanh_out(out, self, min, max);
};
NPU_SIM_KERNEL(aclnnHardtanhBackward, rules::broadcast) = [](In grad, In self, Num min, Num max, Out out) {
  at::hardtanh_backward_out(out, grad, self, min, max);
};
NPU_SIM_KERNEL(aclnnHardswish, kSame) = [](In self, Out out) { at::hardswish_out(out, self); };
NPU_SIM_KERNEL(aclnnHardswishBackward, rules::broadcast) = [](In grad, In self, Out out) {
  out.copy_(at::hardswish_backward(grad, self));
};
NPU_SIM_KERNEL(aclnnHardsigmoid, kSame) = [](In self, Out out) { at::hardsigmoid_out(out, self); };
NPU_SIM_KERNEL(aclnnHardsigmoidBackward, rules::broadcast) = [](In grad, In self, Out out) {
  at::hardsigmoid_backward_out(out, grad, self);
};
NPU_SIM_KERNEL(aclnnElu, rules::same) = [](In self, Num alpha, Num scale, Num input_scale, Out out) {
  at::elu_out(out, self, alpha, scale, input_scale);
};
NPU_SIM_KERNEL(aclnnEluBackward, rules::broadcast) = [](In grad, Num alpha, Num scale, Num input_scale,
                                                        bool is_result, In self, Out out) {
  at::elu_backward_out(out, grad, alpha, scale, input_scale, is_result, self);
};
NPU_SIM_KERNEL(aclnnSoftplus, rules::same) = [](In self, Num beta, Num threshold, Out out) {
  at::softplus_out(out, self, beta, threshold);
};
NPU_SIM_KERNEL(aclnnSoftplusBackward, rules::broadcast) = [](In grad, In self, Num beta, Num threshold,
                                                             Out out) {
  at::softplus_backward_out(out, grad, self, beta, threshold);
};
NPU_SIM_KERNEL(aclnnMish, kSame) = [](In self, Out out) { at::mish_out(out, self); };
NPU_SIM_KERNEL(aclnnMishBackward, rules::broadcast) = [](In grad, In self, Out out) {
  out.copy_(at::mish_backward(grad, self));
};
NPU_SIM_KERNEL(aclnnLogSigmoid, kSame) = [](In self, Out out) { out.copy_(at::log_sigmoid(self)); };
NPU_SIM_KERNEL(aclnnLogSigmoidBackward, log_sigmoid_backward) = [](In grad, In self, In, Out out) {
  out.copy_(grad.mul(at::sigmoid(self.neg())));
};
NPU_SIM_KERNEL(aclnnSoftshrink, rules::same) = [](In self, Num lambd, Out out) {
  at::softshrink_out(out, self, lambd);
};
NPU_SIM_KERNEL(aclnnSoftshrinkBackward, rules::broadcast) = [](In grad, In self, Num lambd, Out out) {
  at::softshrink_backward_out(out, grad, self, lambd);
};
NPU_SIM_KERNEL(aclnnHardshrink, rules::same) = [](In self, Num lambd, Out out) {
  at::hardshrink_out(out, self, lambd);
};
NPU_SIM_KERNEL(aclnnHardshrinkBackward, rules::broadcast) = [](In grad, In self, Num lambd, Out out) {
  at::hardshrink_backward_out(out, grad, self, lambd);
};
NPU_SIM_KERNEL(aclnnGlu, glu) = [](In self, int64_t dim, Out out) { at::glu_out(out, self, dim); };
NPU_SIM_KERNEL(aclnnGluBackward, glu_backward) = [](In grad, In self, int64_t dim, Out out) {
  out.copy_(at::glu_backward(grad, self, dim));
};
// No clamping for a negative eps, as torch has it for an absent one.
NPU_SIM_KERNEL(aclnnLogitGrad, rules::all<rules::broadcast, rules::one_dtype>) = [](In x, In dy, double eps,
                                                                                    Out out) {
  at::logit_backward_out(out, dy, x, eps < 0 ? std::nullopt : std::optional(eps));
};

}  // namespace npu_sim::ops
