// SPDX-License-Identifier: BSD-3-Clause
// Losses whose results have shapes of their own: of several labels by margins, and of alignments (CTC).
#include <ATen/core/Reduction.h>
#include <ATen/native/LossMulti.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using Two = std::tuple<at::Tensor, at::Tensor>;
using Lengths = at::IntArrayRef;

constexpr DtypeSet kCtc = dtypes("fhbd");

Two multilabel(const at::Tensor& self, const at::Tensor& target, int64_t reduction) {
  static constexpr const char* op = "multilabel_margin_loss";
  c10::DeviceGuard guard(common_device(op, false, self, target));
  check_dtype(op, self, dtypes("fhb"));
  int64_t rows = 0, classes = 0;
  at::native::multilabel_margin_loss_shape_check(rows, classes, self.dim(), self, target);
  const bool each = reduction == at::Reduction::None && target.dim() > 1;
  at::Tensor loss = empty(each ? at::IntArrayRef(rows) : at::IntArrayRef{}, self.scalar_type());
  at::Tensor hit = empty(target.sizes(), self.scalar_type());
  if (self.numel() == 0) return {loss.zero_(), hit};
  launch<aclnnMultilabelMarginLoss>(self, target, reduction, loss, hit);
  return {loss, hit};
}

std::tuple<at::Tensor&, at::Tensor&> multilabel_out(const at::Tensor& self, const at::Tensor& target,
                                                    int64_t reduction, at::Tensor& loss, at::Tensor& hit) {
  auto [l, h] = multilabel(self, target, reduction);
  c10::DeviceGuard guard(self.device());
  resize_out(loss, l.sizes(), {}, l.options());
  resize_out(hit, h.sizes(), {}, h.options());
  device_copy(loss, l);
  device_copy(hit, h);
  return {loss, hit};
}

// CANN wants rows of states that end at a multiple of 32 bytes of float32.
int64_t states(Lengths targets) {
  int64_t longest = 0;
  for (int64_t n : targets) longest = std::max(longest, n);
  return (2 * longest + 1 + 7) / 8 * 8;
}

Two ctc_loss(const at::Tensor& probs, const at::Tensor& targets, Lengths inputs, Lengths lengths,
             int64_t blank, bool zero_infinity) {
  static constexpr const char* op = "ctc_loss";
  c10::DeviceGuard guard(common_device(op, false, probs, targets));
  check_dtype(op, probs, kCtc);
  TORCH_CHECK(probs.dim() == 3, "ctc_loss: log_probs must have 3 dimensions, got shape ", probs.sizes());
  TORCH_CHECK(targets.scalar_type() == at::kLong || targets.scalar_type() == at::kInt,
              "targets must be integral");
  const int64_t steps = probs.size(0), batch = probs.size(1);
  TORCH_CHECK(blank >= 0 && blank < probs.size(2), "blank must be in label range");
  TORCH_CHECK(static_cast<int64_t>(inputs.size()) == batch, "input_lengths must be of size batch_size");
  TORCH_CHECK(static_cast<int64_t>(lengths.size()) == batch, "target_lengths must be of size batch_size");
  for (int64_t n : inputs)
    TORCH_CHECK(n >= 0 && n <= steps, "Expected input_lengths to have value from 0 to ", steps,
                ", but got value ", n);
  for (int64_t n : lengths)
    TORCH_CHECK(n >= 0, "Expected target_lengths to have value at least 0, but got value ", n);
  Two r{empty({batch}, probs.scalar_type()), empty({batch, steps, states(lengths)}, probs.scalar_type())};
  launch<aclnnCtcLoss>(probs, targets, inputs, lengths, blank, zero_infinity, std::get<0>(r), std::get<1>(r));
  return r;
}

at::Tensor ctc_loss_backward(const at::Tensor& grad, const at::Tensor& probs, const at::Tensor& targets,
                             Lengths inputs, Lengths lengths, const at::Tensor& loss, const at::Tensor& alpha,
                             int64_t blank, bool zero_infinity) {
  c10::DeviceGuard guard(common_device("ctc_loss_backward", false, grad, probs, targets, loss, alpha));
  at::Tensor out = empty(probs.sizes(), probs.scalar_type());
  launch<aclnnCtcLossBackward>(grad, probs, targets, inputs, lengths, loss, alpha, blank, zero_infinity, out);
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"multilabel_margin_loss_forward", multilabel>(m);
  impl<"multilabel_margin_loss_forward.output", multilabel_out>(m);
  impl<"_ctc_loss", ctc_loss>(m);
  impl<"_ctc_loss_backward", ctc_loss_backward>(m);
}

}  // namespace npu::ops
