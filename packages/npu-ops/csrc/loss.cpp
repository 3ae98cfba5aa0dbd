// SPDX-License-Identifier: BSD-3-Clause
// nll_loss: CANN wants class weights always, so ones stand in for absent ones. Huber's loss, a multiple of
// another. And cross entropy of logits, which CANN has for operands of one shape and dtype.
#include <ATen/ExpandUtils.h>
#include <ATen/ops/binary_cross_entropy_with_logits_compositeexplicitautograd_dispatch.h>
#include <ATen/ops/nll_loss_backward_meta.h>
#include <ATen/ops/nll_loss_forward_meta.h>
#include <ATen/ops/result_type.h>
#include <ATen/ops/smooth_l1_loss.h>
#include <ATen/ops/smooth_l1_loss_backward.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "shapes.h"
#include "structured.h"

namespace npu::ops {
namespace {

using OptionalTensor = std::optional<at::Tensor>;

constexpr DtypeSet kFloats = dtypes("fhb");
constexpr DtypeSet kTargets = dtypes("lui");

struct nll_loss_forward_op {
  using Meta = at::meta::structured_nll_loss_forward;
  static constexpr const char* name = "nll_loss_forward";
  static constexpr size_t outputs = 2;
  static constexpr bool host_scalars = false;
  static void shape(OutputsOf<nll_loss_forward_op>& m, const at::Tensor& self, const at::Tensor& target,
                    const OptionalTensor& weight, int64_t reduction, int64_t ignore_index) {
    shape::check_classes("nll_loss", target, self);
    m.meta(self, target, meta_arg(weight), reduction, ignore_index);
  }
  static void run(Call& k, const at::Tensor& self, const at::Tensor& target, const OptionalTensor& weight,
                  int64_t reduction, int64_t ignore_index) {
    at::Tensor weights = k.in(class_weights(weight, self), kFloats);
    // One sample without a batch dimension, and no `none` left to reduce: CANN takes a batch.
    bool single = self.dim() == 1;
    at::Tensor out = k.out(0, kFloats);
    launch<aclnnNLLLoss>(single ? k.in(self, kFloats).unsqueeze(0) : k.in(self, kFloats),
                         single ? target.reshape({1}) : k.in(target, kTargets), weights, reduction,
                         ignore_index, single && reduction == 0 ? out.view({1}) : out, k.out(1, kFloats));
  }
};

struct nll_loss_backward_op {
  using Meta = at::meta::structured_nll_loss_backward;
  static constexpr const char* name = "nll_loss_backward";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(OutputsOf<nll_loss_backward_op>& m, const at::Tensor& grad, const at::Tensor& self,
                    const at::Tensor& target, const OptionalTensor& weight, int64_t reduction,
                    int64_t ignore_index, const at::Tensor& total_weight) {
    m.meta(grad, self, target, meta_arg(weight), reduction, ignore_index, total_weight);
  }
  static void run(Call& k, const at::Tensor& grad, const at::Tensor& self, const at::Tensor& target,
                  const OptionalTensor& weight, int64_t reduction, int64_t ignore_index,
                  const at::Tensor& total_weight) {
    at::Tensor weights = k.in(class_weights(weight, self), kFloats);
    bool single = self.dim() == 1;
    at::Tensor out = k.out(0, kFloats);
    launch<aclnnNLLLossBackward>(single && reduction == 0 ? grad.reshape({1}) : k.in(grad, kFloats),
                                 single ? k.in(self, kFloats).unsqueeze(0) : k.in(self, kFloats),
                                 single ? target.reshape({1}) : k.in(target, kTargets), weights, reduction,
                                 ignore_index, total_weight, single ? out.unsqueeze(0) : out);
  }
};

std::tuple<at::Tensor, at::Tensor> nll_loss_forward(const at::Tensor& self, const at::Tensor& target,
                                                    const OptionalTensor& weight, int64_t reduction,
                                                    int64_t ignore_index) {
  return run_functional<nll_loss_forward_op>(self, target, weight, reduction, ignore_index);
}

std::tuple<at::Tensor&, at::Tensor&> nll_loss_forward_out(const at::Tensor& self, const at::Tensor& target,
                                                          const OptionalTensor& weight, int64_t reduction,
                                                          int64_t ignore_index, at::Tensor& output,
                                                          at::Tensor& total_weight) {
  return run_out<nll_loss_forward_op>(std::tie(output, total_weight), self, target, weight, reduction,
                                      ignore_index);
}

at::Tensor nll_loss_backward(const at::Tensor& grad, const at::Tensor& self, const at::Tensor& target,
                             const OptionalTensor& weight, int64_t reduction, int64_t ignore_index,
                             const at::Tensor& total_weight) {
  return run_functional<nll_loss_backward_op>(grad, self, target, weight, reduction, ignore_index,
                                              total_weight);
}

at::Tensor& nll_loss_backward_out(const at::Tensor& grad, const at::Tensor& self, const at::Tensor& target,
                                  const OptionalTensor& weight, int64_t reduction, int64_t ignore_index,
                                  const at::Tensor& total_weight, at::Tensor& out) {
  return std::get<0>(run_out<nll_loss_backward_op>(std::tie(out), grad, self, target, weight, reduction,
                                                   ignore_index, total_weight));
}

// CANN has this loss divided by delta. Halves are rounded once, at the end.
at::Tensor huber(const at::Tensor& self, const at::Tensor& target, int64_t reduction, double delta) {
  TORCH_CHECK(delta > 0, "huber_loss does not support non-positive values for delta.");
  const auto dtype = at::result_type(self, target);
  if (delta == 1 || !at::isReducedFloatingType(dtype)) {
    at::Tensor loss = at::smooth_l1_loss(self, target, reduction, delta);
    return delta == 1 ? loss : loss.mul_(delta);
  }
  return cast(at::smooth_l1_loss(self.to(at::kFloat), target.to(at::kFloat), reduction, delta).mul_(delta),
              dtype);
}

at::Tensor& huber_loss_out(const at::Tensor& self, const at::Tensor& target, int64_t reduction, double delta,
                           at::Tensor& out) {
  const at::Tensor loss = huber(self, target, reduction, delta);
  TORCH_CHECK(c10::canCast(loss.scalar_type(), out.scalar_type()), "result type ", loss.scalar_type(),
              " can't be cast to the desired output type ", out.scalar_type());
  return give(out, cast(loss, out.scalar_type()));
}

at::Tensor huber_loss_backward(const at::Tensor& grad, const at::Tensor& self, const at::Tensor& target,
                               int64_t reduction, double delta) {
  at::Tensor r = at::smooth_l1_loss_backward(grad, self, target, reduction, delta);
  return delta == 1 ? r : r.mul_(delta);
}

at::Tensor& huber_loss_backward_out(const at::Tensor& grad, const at::Tensor& self, const at::Tensor& target,
                                    int64_t reduction, double delta, at::Tensor& out) {
  at::smooth_l1_loss_backward_out(out, grad, self, target, reduction, delta);
  return delta == 1 ? out : out.mul_(delta);
}

// Other operands, some of which torch refuses, go through PyTorch's formula.
at::Tensor bce_with_logits(const at::Tensor& self, const at::Tensor& target, const OptionalTensor& weight,
                           const OptionalTensor& pos_weight, int64_t reduction) {
  static constexpr const char* op = "binary_cross_entropy_with_logits";
  c10::DeviceGuard guard(common_device(op, false, self, target, weight, pos_weight));
  check_dtype(op, self, kFloats);
  auto fits = [&](const OptionalTensor& t) {
    return !t || !t->defined() ||
           (t->scalar_type() == self.scalar_type() && at::is_expandable_to(t->sizes(), self.sizes()));
  };
  if (!fits(target) || !fits(weight) || !fits(pos_weight) || target.sizes() != self.sizes() ||
      self.numel() == 0)
    return at::compositeexplicitautograd::binary_cross_entropy_with_logits(self, target, weight, pos_weight,
                                                                           reduction);
  // The formula begins with the target, whose order in memory it keeps.
  at::Tensor out = reduction == 0 ? empty_as(target, self.scalar_type()) : empty({}, self.scalar_type());
  launch<aclnnBinaryCrossEntropyWithLogits>(self, target, weight.value_or(at::Tensor()),
                                            pos_weight.value_or(at::Tensor()), reduction, out);
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"binary_cross_entropy_with_logits", bce_with_logits>(m);
  impl<"nll_loss_forward", nll_loss_forward>(m);
  impl<"nll_loss_forward.output", nll_loss_forward_out>(m);
  impl<"nll_loss_backward", nll_loss_backward>(m);
  impl<"nll_loss_backward.grad_input", nll_loss_backward_out>(m);
  impl<"huber_loss", huber>(m);
  impl<"huber_loss.out", huber_loss_out>(m);
  impl<"huber_loss_backward", huber_loss_backward>(m);
  impl<"huber_loss_backward.out", huber_loss_backward_out>(m);
}

}  // namespace npu::ops
