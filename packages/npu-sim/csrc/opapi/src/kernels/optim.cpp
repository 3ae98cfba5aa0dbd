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

// Parameters, gradients and, with momentum, what is kept of earlier gradients: as many and of the same
// shapes.
void sgd_step(const rules::Call& c) {
  const uint32_t n = c.list_size(0);
  for (uint32_t list : {1u, 2u}) {
    if (list == 2 && c.list_size(2) == 0) break;
    const char* name = c.op().params[list].name;
    if (c.list_size(list) != n)
      rules::refuse(c, name, std::to_string(c.list_size(list)) + " tensors", std::to_string(n));
    for (uint32_t i = 0; i < n; ++i)
      if (c.list_tensor(list, i) && c.list_tensor(0, i))
        rules::expect_shape(c, name, *c.list_tensor(list, i), c.list_tensor(0, i)->sizes(),
                            "that of the parameter");
  }
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

NPU_SIM_KERNEL(aclnnFusedSgd, sgd_step) = [](at::TensorList params, at::TensorList grads, at::TensorList kept,
                                             OptIn grad_scale, double decay, double momentum, double lr,
                                             double dampening, bool nesterov, bool maximize, bool first) {
  for (size_t i = 0; i < params.size(); ++i) {
    at::Tensor p = params[i].to(at::kFloat), g = grads[i].to(at::kFloat);
    if (grad_scale) {
      g = g.div(grad_scale->to(at::kFloat));
      grads[i].copy_(g);
    }
    if (maximize) g = g.neg();
    if (decay != 0) g = g.add(p, decay);
    if (momentum != 0 && !kept.empty()) {
      const at::Tensor m = first ? g : kept[i].to(at::kFloat).mul(momentum).add(g, 1 - dampening);
      kept[i].copy_(m);
      g = nesterov ? g.add(m, momentum) : m;
    }
    params[i].copy_(p.sub(g, lr));
  }
};

// The loss scale after a step: smaller if a gradient was not finite, larger after 'interval' steps without.
NPU_SIM_KERNEL(aclnnAmpUpdateScale, rules::none) = [](In scale, In tracker, In found, double growth,
                                                      double backoff, int64_t interval, Out new_scale,
                                                      Out new_tracker) {
  double s = scale.item().toDouble();
  int64_t steps = tracker.item().toLong() + 1;
  if (found.item().toDouble() != 0) {
    s *= backoff;
    steps = 0;
  } else if (steps == interval) {
    if (std::isfinite(s * growth)) s *= growth;
    steps = 0;
  }
  new_scale.fill_(s);
  new_tracker.fill_(steps);
};

}  // namespace npu_sim::ops
