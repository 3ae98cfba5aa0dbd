// SPDX-License-Identifier: BSD-3-Clause
// Optimizers: one step of one parameter, in place.
#include <ATen/ops/maximum.h>
#include <ATen/ops/sqrt.h>

#include <cmath>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

// Moments, gradient and, with amsgrad, the maximum have the parameter's shape; the step is one number.
void adam_step(const rules::Call& c) {
  const auto& var = rules::at(c, "varRef");
  for (const char* name : {"mRef", "vRef", "grad", "maxGradNormOptionalRef"})
    if (const auto* t = rules::optional(c, name))
      rules::expect_shape(c, name, *t, var.sizes(), "that of 'varRef'");
  rules::expect_numel(c, "step", rules::at(c, "step"), 1);
  if (rules::number(c, "amsgrad") && !rules::optional(c, "maxGradNormOptionalRef"))
    throw nnop::Refusal{
        ACLNN_ERR_PARAM_NULLPTR,
        "aclnnApplyAdamWV2: parameter 'maxGradNormOptionalRef' is null, and 'amsgrad' needs it"};
}

}  // namespace

// `step` counts the steps before this one: CANN's kernel adds the one.
NPU_SIM_KERNEL(aclnnApplyAdamWV2, adam_step) = [](Out var, Out m, Out v, OptIn most, In grad, In step,
                                                  double lr, double beta1, double beta2, double decay,
                                                  double eps, bool amsgrad, bool maximize) {
  const double t = step.item().toDouble() + 1;
  const double correction1 = 1 - std::pow(beta1, t), correction2 = 1 - std::pow(beta2, t);
  at::Tensor p = var.to(at::kFloat), g = grad.to(at::kFloat);
  if (maximize) g = g.neg();
  const at::Tensor first = m.to(at::kFloat).lerp(g, 1 - beta1);
  at::Tensor second = v.to(at::kFloat).mul(beta2).addcmul(g, g, 1 - beta2);
  m.copy_(first);
  v.copy_(second);
  if (amsgrad) {
    second = at::maximum(most->to(at::kFloat), second);
    most->copy_(second);
  }
  const at::Tensor scale = at::sqrt(second).div(std::sqrt(correction2)).add(eps);
  var.copy_(p.mul(1 - lr * decay).addcdiv(first, scale, -lr / correction1));
};

}  // namespace npu_sim::ops
