// SPDX-License-Identifier: BSD-3-Clause
// The optimizers' steps of torch.optim(..., fused=True).
//
// Launches for n parameters: Adam and AdamW n, one aclnnApplyAdamWV2 each, after a pass over the step counts;
// Adam with weight decay one or two passes more. SGD 1 to 5 passes, Adagrad 4 to 6, and one launch a
// parameter more where its rate decays. A pass over lists takes n/48 to n/16 launches, by how many lists it
// names. With a GradScaler the step waits for the device once, to read found_inf: CANN has no operator that
// skips by a flag on the device. A learning rate on the device is read likewise.
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_neg.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/pow.h>

#include "aclnn_ops.h"
#include "devices.h"
#include "foreach.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using List = at::TensorList;
using Optional = std::optional<at::Tensor>;

double number(double x) { return x; }
double number(const at::Tensor& x) { return x.item<double>(); }

// Unscales the gradients in place, as torch's kernels do. False where the step must not happen.
bool unscaled(List grads, const Optional& grad_scale, const Optional& found_inf) {
  if (found_inf && found_inf->defined() && found_inf->item<float>() != 0) return false;
  if (grad_scale && grad_scale->defined()) at::_foreach_div_(grads, *grad_scale);
  return true;
}

struct Adam {
  double lr, beta1, beta2, decay, eps;
  bool amsgrad, maximize;

  // One parameter by plain operators: for dtypes and SoCs that aclnnApplyAdamWV2 does not take. The decay is
  // AdamW's here too.
  void plain(const at::Tensor& p, const at::Tensor& grad, const at::Tensor& m, const at::Tensor& v,
             const at::Tensor& most, const at::Tensor& step) const {
    const at::Tensor g = maximize ? grad.neg() : grad;
    if (decay != 0) p.mul_(1 - lr * decay);
    m.mul_(beta1).add_(g, 1 - beta1);
    v.mul_(beta2).addcmul_(g, g, 1 - beta2);
    if (amsgrad) most.copy_(at::maximum(most, v));
    const at::Tensor correction1 = at::pow(beta1, step).neg_().add_(1);
    const at::Tensor correction2 = at::pow(beta2, step).neg_().add_(1);
    const at::Tensor scale = (amsgrad ? most : v).sqrt().div_(correction2.sqrt_()).add_(eps);
    p.sub_(m.div(scale).mul_(correction1.reciprocal_().mul_(lr)));
  }

  void run(List params, List grads, List m, List v, List most, List steps) const {
    List largest = amsgrad ? most : m;
    if (!foreach::fast_route(dtypes("fhb"), {params, grads, m, v, largest}, {}) ||
        !foreach::fast_route(dtypes("f"), {steps}, {})) {
      for (size_t i = 0; i < params.size(); ++i)
        plain(params[i], grads[i], m[i], v[i], amsgrad ? most[i] : at::Tensor(), steps[i]);
      return;
    }
    // The operator counts the steps before this one.
    const std::vector<at::Tensor> before = at::_foreach_sub(steps, 1);
    c10::DeviceGuard guard(params[0].device());
    for (size_t i = 0; i < params.size(); ++i)
      launch<aclnnApplyAdamWV2>(params[i], m[i], v[i], amsgrad ? most[i] : at::Tensor(), grads[i], before[i],
                                lr, beta1, beta2, decay, eps, amsgrad, maximize);
  }
};

void expect_lists(const char* op, List params, std::initializer_list<List> others) {
  for (List other : others)
    TORCH_CHECK(other.size() == params.size(), op, ": lists of ", params.size(), " and ", other.size(),
                " tensors; each parameter needs its gradient and state");
}

template <class Lr>
void fused_adamw(List params, List grads, List m, List v, List most, List steps, Lr lr, double beta1,
                 double beta2, double decay, double eps, bool amsgrad, bool maximize,
                 const Optional& grad_scale, const Optional& found_inf) {
  expect_lists("_fused_adamw_", params, {grads, m, v, amsgrad ? most : m, steps});
  if (params.empty() || !unscaled(grads, grad_scale, found_inf)) return;
  Adam{number(lr), beta1, beta2, decay, eps, amsgrad, maximize}.run(params, grads, m, v, most, steps);
}

// Adam's decay is part of the gradient.
template <class Lr>
void fused_adam(List params, List grads, List m, List v, List most, List steps, Lr lr, double beta1,
                double beta2, double decay, double eps, bool amsgrad, bool maximize,
                const Optional& grad_scale, const Optional& found_inf) {
  expect_lists("_fused_adam_", params, {grads, m, v, amsgrad ? most : m, steps});
  if (params.empty() || !unscaled(grads, grad_scale, found_inf)) return;
  Adam adam{number(lr), beta1, beta2, 0, eps, amsgrad, maximize};
  if (decay == 0) return adam.run(params, grads, m, v, most, steps);
  adam.maximize = false;
  std::vector<at::Tensor> decayed;
  if (maximize) {
    decayed = at::_foreach_neg(grads);
    at::_foreach_add_(decayed, params, decay);
  } else {
    decayed = at::_foreach_add(grads, params, decay);
  }
  adam.run(params, decayed, m, v, most, steps);
}

template <class Lr>
void fused_sgd(List params, List grads, List momenta, double decay, double momentum, Lr lr, double dampening,
               bool nesterov, bool maximize, bool first_step, const Optional& grad_scale,
               const Optional& found_inf) {
  expect_lists("_fused_sgd_", params, {grads, momentum != 0 ? momenta : grads});
  if (params.empty() || !unscaled(grads, grad_scale, found_inf)) return;
  std::vector<at::Tensor> own;  // gradients that are not the caller's
  List g = grads;
  if (maximize) g = own = at::_foreach_neg(g);
  if (decay != 0) {
    if (own.empty())
      g = own = at::_foreach_add(g, params, decay);
    else
      at::_foreach_add_(g, params, decay);
  }
  if (momentum != 0) {
    if (first_step) {
      at::_foreach_copy_(momenta, g);
    } else {
      at::_foreach_mul_(momenta, momentum);
      at::_foreach_add_(momenta, g, 1 - dampening);
    }
    if (!nesterov)
      g = momenta;
    else if (own.empty())
      g = own = at::_foreach_add(g, momenta, momentum);
    else
      at::_foreach_add_(g, momenta, momentum);
  }
  at::_foreach_add_(params, g, -number(lr));
}

template <class Lr>
void fused_adagrad(List params, List grads, List sums, List steps, Lr lr, double lr_decay, double decay,
                   double eps, bool maximize, const Optional& grad_scale, const Optional& found_inf) {
  expect_lists("_fused_adagrad_", params, {grads, sums, steps});
  if (params.empty() || !unscaled(grads, grad_scale, found_inf)) return;
  std::vector<at::Tensor> own;  // gradients that are not the caller's
  List g = grads;
  if (maximize) g = own = at::_foreach_neg(g);
  if (decay != 0) g = own = at::_foreach_add(g, params, decay);
  at::_foreach_addcmul_(sums, g, g);
  const std::vector<at::Tensor> scale = at::_foreach_sqrt(sums);
  at::_foreach_add_(scale, eps);
  if (lr_decay == 0) return at::_foreach_addcdiv_(params, g, scale, -number(lr));
  const std::vector<at::Tensor> rates = at::_foreach_sub(steps, 1);  // 1 / (1 + (step - 1) lr_decay)
  at::_foreach_mul_(rates, lr_decay);
  at::_foreach_add_(rates, 1);
  const double rate = -number(lr);
  for (size_t i = 0; i < params.size(); ++i) scale[i].mul_(rates[i].to(scale[i].device()));
  at::_foreach_addcdiv_(params, g, scale, rate);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_fused_adam_", fused_adam<double>>(m);
  impl<"_fused_adam_.tensor_lr", fused_adam<const at::Tensor&>>(m);
  impl<"_fused_adamw_", fused_adamw<double>>(m);
  impl<"_fused_adamw_.tensor_lr", fused_adamw<const at::Tensor&>>(m);
  impl<"_fused_adagrad_", fused_adagrad<double>>(m);
  impl<"_fused_adagrad_.tensor_lr", fused_adagrad<const at::Tensor&>>(m);
  impl<"_fused_sgd_", fused_sgd<double>>(m);
  impl<"_fused_sgd_.tensor_lr", fused_sgd<const at::Tensor&>>(m);
}

}  // namespace npu::ops
