// SPDX-License-Identifier: BSD-3-Clause
// Losses of distributions, margins and alignments.
#include <ATen/ops/_ctc_loss.h>
#include <ATen/ops/_ctc_loss_backward.h>
#include <ATen/ops/kl_div.h>
#include <ATen/ops/multilabel_margin_loss_forward.h>
#include <ATen/ops/soft_margin_loss.h>
#include <ATen/ops/soft_margin_loss_backward.h>

#include <algorithm>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;
using Lengths = at::IntArrayRef;

// Rows of classes; each row's targets come first in 'target', which -1 ends.
void multilabel(const Call& c) {
  const auto& self = at(c, "self");
  if (self.ndim > 2) rules::refuse(c, "self", nnop::describe(self), "at most 2 dims");
  rules::expect_shape(c, "target", at(c, "target"), self.sizes(), "that of 'self'");
  rules::expect_numel(c, "isTarget", at(c, "isTarget"), self.numel());
  const int64_t rows = rules::number(c, "reduction") == 0 && self.ndim == 2 ? self.sizes()[0] : 1;
  rules::expect_numel(c, "out", at(c, "out"), rows);
}

// [T, N, C], or [T, C] of one sequence; a length of input and targets for each.
int64_t sequences(const Call& c, const char* inputs, const char* targets) {
  const auto& probs = at(c, "logProbs");
  if (probs.ndim != 2 && probs.ndim != 3) rules::refuse(c, "logProbs", nnop::describe(probs), "2 or 3 dims");
  const int64_t n = probs.ndim == 3 ? probs.sizes()[1] : 1;
  for (const char* name : {inputs, targets})
    if (const auto v = rules::numbers(c, name); static_cast<int64_t>(v.size()) != n)
      rules::refuse(c, name, rules::text(v), std::to_string(n) + " lengths");
  return n;
}

void ctc_loss(const Call& c) {
  const int64_t n = sequences(c, "inputLengths", "targetlengths");
  rules::expect_numel(c, "negLogLikelihoodOut", at(c, "negLogLikelihoodOut"), n);
  int64_t longest = 0;
  for (int64_t v : rules::numbers(c, "targetlengths")) longest = std::max(longest, v);
  const auto& alpha = at(c, "logAlphaOut");
  if (alpha.ndim == 0 || alpha.sizes().back() < 2 * longest + 1)
    rules::refuse(c, "logAlphaOut", nnop::describe(alpha), "room for twice the longest target and one");
}

void ctc_loss_backward(const Call& c) {
  rules::expect_numel(c, "negLogLikelihood", at(c, "negLogLikelihood"),
                      sequences(c, "inputLengths", "targetLengths"));
  rules::expect_outputs(c, at(c, "logProbs").sizes(), "that of 'logProbs'");
}

int64_t states(Lengths targets) {
  int64_t longest = 0;
  for (int64_t v : targets) longest = std::max(longest, v);
  return 2 * longest + 1;
}

}  // namespace

NPU_SIM_KERNEL(aclnnKlDiv, rules::loss) = [](In self, In target, int64_t reduction, bool log_target,
                                             Out out) {
  put(out, at::kl_div(self, target, reduction, log_target));
};
// t * (log(t) - x), or exp(t) * (t - x) where the target is a logarithm; a mean is over all elements.
NPU_SIM_KERNEL(aclnnKlDivBackward, rules::loss_backward) = [](In grad, In self, In target, int64_t reduction,
                                                              bool log_target, Out out) {
  const at::Tensor g = reduction == 1 ? grad.div(self.numel()) : grad;
  put(out, (log_target ? target.exp() : target).neg().mul(g).expand(out.sizes()));
};
NPU_SIM_KERNEL(aclnnKlDivTargetBackward, rules::loss_backward) =
    [](In grad, In self, In target, int64_t reduction, bool log_target, Out out) {
      const at::Tensor g = reduction == 1 ? grad.div(self.numel()) : grad;
      const at::Tensor slope = log_target ? target.add(1).sub(self).mul(target.exp())
                                          : target.log().add(1).masked_fill(target.eq(0), 0).sub(self);
      put(out, slope.mul(g).expand(out.sizes()));
    };
NPU_SIM_KERNEL(aclnnSoftMarginLoss, rules::loss) = [](In self, In target, int64_t reduction, Out out) {
  put(out, at::soft_margin_loss(self, target, reduction));
};
NPU_SIM_KERNEL(aclnnSoftMarginLossBackward, rules::loss_backward) = [](In grad, In self, In target,
                                                                       int64_t reduction, Out out) {
  put(out, at::soft_margin_loss_backward(grad, self, target, reduction));
};
NPU_SIM_KERNEL(aclnnMultilabelMarginLoss, multilabel) = [](In self, In target, int64_t reduction, Out out,
                                                           Out is_target) {
  auto [loss, hit] = at::multilabel_margin_loss_forward(self, target.to(at::kLong), reduction);
  put(out, loss);
  put(is_target, hit);
};
// The device's rows of alpha are longer than torch's, for their alignment.
NPU_SIM_KERNEL(aclnnCtcLoss, ctc_loss) = [](In probs, In targets, Lengths inputs, Lengths lengths,
                                            int64_t blank, bool zero_infinity, Out loss, Out alpha) {
  auto [l, a] = at::_ctc_loss(wide(probs), targets.to(at::kLong), inputs, lengths, blank, zero_infinity);
  put(loss, l);
  alpha.zero_();
  alpha.reshape({-1, alpha.size(-2), alpha.size(-1)})
      .narrow(1, 0, a.size(1))
      .narrow(2, 0, a.size(2))
      .copy_(a);
};
NPU_SIM_KERNEL(aclnnCtcLossBackward, ctc_loss_backward) = [](In grad, In probs, In targets, Lengths inputs,
                                                             Lengths lengths, In loss, In alpha,
                                                             int64_t blank, bool zero_infinity, Out out) {
  const at::Tensor p = wide(probs), a = alpha.narrow(-1, 0, states(lengths)).contiguous();
  put(out, at::_ctc_loss_backward(grad.to(p.scalar_type()), p, targets.to(at::kLong), inputs, lengths,
                                  loss.to(p.scalar_type()), a.to(p.scalar_type()), blank, zero_infinity));
};

}  // namespace npu_sim::ops
