// SPDX-License-Identifier: BSD-3-Clause
// Losses by margins between classes, which CANN has only the multi-label forward of.
#include <ATen/core/Reduction.h>
#include <ATen/native/LossMulti.h>
#include <ATen/ops/cumprod.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/DeviceGuard.h>

#include <limits>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;

// By how much each score stays within the margin of its target's, and 0 for the target itself: [rows,
// classes].
struct Margins {
  at::Tensor places;  // [rows, 1]
  at::Tensor excess;
  at::Tensor weight;  // [rows, 1] or undefined
};

Margins margins_of(const char* op, const at::Tensor& self, const at::Tensor& target, const c10::Scalar& p,
                   const c10::Scalar& margin, const MaybeTensor& weight) {
  TORCH_CHECK(p.toLong() == 1 || p.toLong() == 2, "only p == 1 and p == 2 supported");
  check_dtype(op, self, dtypes("fhb"));
  int64_t rows = 0, classes = 0;
  at::native::multi_margin_loss_shape_check(rows, classes, self.dim(), self, target, weight);
  TORCH_CHECK(target.scalar_type() == at::kLong, op, ": targets must be of type Long, got ",
              target.scalar_type());
  Margins m;
  const at::Tensor x = self.reshape({rows, classes}).to(at::kFloat);
  m.places = target.reshape({rows, 1});
  m.excess = at::sub(x, x.gather(1, m.places)).add_(margin).clamp_min_(0).scatter_(1, m.places, 0);
  if (weight && weight->defined())
    m.weight = weight->reshape({-1}).to(at::kFloat).index_select(0, target.reshape({-1})).unsqueeze(1);
  return m;
}

at::Tensor multi_margin(const at::Tensor& self, const at::Tensor& target, const c10::Scalar& p,
                        const c10::Scalar& margin, const MaybeTensor& weight, int64_t reduction) {
  static constexpr const char* op = "multi_margin_loss";
  c10::DeviceGuard guard(common_device(op, false, self, target, weight));
  Margins m = margins_of(op, self, target, p, margin, weight);
  const bool each = reduction == at::Reduction::None && target.dim() > 0;
  const auto dtype = self.scalar_type();
  if (self.numel() == 0) return at::zeros(each ? target.sizes() : at::IntArrayRef{}, self.options());
  if (p.toLong() == 2) m.excess.mul_(m.excess);
  if (m.weight.defined()) m.excess.mul_(m.weight);
  at::Tensor loss = m.excess.sum(1).div_(m.excess.size(1));
  if (each) return loss.to(dtype);
  return (reduction == at::Reduction::Mean ? loss.mean() : loss.sum()).to(dtype);
}

at::Tensor multi_margin_backward(const at::Tensor& grad, const at::Tensor& self, const at::Tensor& target,
                                 const c10::Scalar& p, const c10::Scalar& margin, const MaybeTensor& weight,
                                 int64_t reduction) {
  static constexpr const char* op = "multi_margin_loss_backward";
  c10::DeviceGuard guard(common_device(op, false, grad, self, target, weight));
  Margins m = margins_of(op, self, target, p, margin, weight);
  if (self.numel() == 0) return at::zeros_like(self);
  at::Tensor slope = p.toLong() == 1 ? at::gt(m.excess, 0).to(at::kFloat) : m.excess.mul_(2);
  const int64_t rows = slope.size(0), classes = slope.size(1);
  at::Tensor scale = grad.to(at::kFloat).reshape({-1, 1});
  if (m.weight.defined()) scale = at::mul(scale, m.weight);
  slope.mul_(scale).mul_(1.0 /
                         static_cast<double>(reduction == at::Reduction::Mean ? rows * classes : classes));
  slope.scatter_(1, m.places, slope.sum(1, /*keepdim=*/true).neg_());
  return slope.to(self.scalar_type()).reshape(self.sizes());
}

// A target's label k and a class j that is none of the labels add to the loss where 1 - x[k] + x[j] > 0. How
// many such pairs each score is in is its place among the others when they are sorted; torch counts labels up
// to the first -1.
at::Tensor multilabel_backward(const at::Tensor& grad, const at::Tensor& self, const at::Tensor& target,
                               int64_t reduction, const at::Tensor& is_target) {
  static constexpr const char* op = "multilabel_margin_loss_backward";
  c10::DeviceGuard guard(common_device(op, false, grad, self, target, is_target));
  check_dtype(op, self, dtypes("fhb"));
  int64_t rows = 0, classes = 0;
  at::native::multilabel_margin_loss_shape_check(rows, classes, self.dim(), self, target);
  TORCH_CHECK(is_target.sizes() == target.sizes(), "inconsistent is_target size: ", is_target.sizes(),
              " for target of size: ", target.sizes());
  if (self.numel() == 0) return at::zeros_like(self);
  constexpr double inf = std::numeric_limits<double>::infinity();
  const at::Tensor x = self.reshape({rows, classes}).to(at::kFloat);
  const at::Tensor labels = target.reshape({rows, classes});
  const at::Tensor label = at::ge(labels, 0).to(at::kInt).cumprod(1, at::kInt).to(at::kBool);
  const at::Tensor places = labels.clamp_min(0);
  const at::Tensor hit = is_target.reshape({rows, classes}).to(at::kBool);
  // Rounded as 1 - x[k] is, so that the comparison is the CPU's.
  const at::Tensor limit = x.gather(1, places).sub_(1).masked_fill_(label.logical_not(), inf);
  const at::Tensor others = x.masked_fill(hit, -inf);
  const at::Tensor by_limit = std::get<0>(at::sort(limit, /*dim=*/1));
  const at::Tensor by_score = std::get<0>(at::sort(others, /*dim=*/1));
  at::Tensor counts = at::searchsorted(by_limit, others).to(at::kFloat);
  const at::Tensor below = at::searchsorted(by_score, limit, /*out_int32=*/false, /*right=*/true);
  counts.scatter_add_(1, places, below.sub(classes).to(at::kFloat));
  const auto parts = static_cast<double>(reduction == at::Reduction::Mean ? rows * classes : classes);
  counts.mul_(grad.to(at::kFloat).reshape({-1, 1})).mul_(1 / parts);
  return counts.to(self.scalar_type()).reshape(self.sizes());
}

at::Tensor& multi_margin_out(const at::Tensor& self, const at::Tensor& target, const c10::Scalar& p,
                             const c10::Scalar& margin, const MaybeTensor& weight, int64_t reduction,
                             at::Tensor& out) {
  return give(out, multi_margin(self, target, p, margin, weight, reduction));
}
at::Tensor& multi_margin_backward_out(const at::Tensor& grad, const at::Tensor& self,
                                      const at::Tensor& target, const c10::Scalar& p,
                                      const c10::Scalar& margin, const MaybeTensor& weight, int64_t reduction,
                                      at::Tensor& out) {
  return give(out, multi_margin_backward(grad, self, target, p, margin, weight, reduction));
}
at::Tensor& multilabel_backward_out(const at::Tensor& grad, const at::Tensor& self, const at::Tensor& target,
                                    int64_t reduction, const at::Tensor& is_target, at::Tensor& out) {
  return give(out, multilabel_backward(grad, self, target, reduction, is_target));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"multi_margin_loss", multi_margin>(m);
  impl<"multi_margin_loss.out", multi_margin_out>(m);
  impl<"multi_margin_loss_backward", multi_margin_backward>(m);
  impl<"multi_margin_loss_backward.grad_input", multi_margin_backward_out>(m);
  impl<"multilabel_margin_loss_backward", multilabel_backward>(m);
  impl<"multilabel_margin_loss_backward.grad_input", multilabel_backward_out>(m);
}

}  // namespace npu::ops
