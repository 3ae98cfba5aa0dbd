// SPDX-License-Identifier: BSD-3-Clause
// Softmax and losses. Reductions are 0 none, 1 mean, 2 sum, as in torch.
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/_log_softmax_backward_data.h>
#include <ATen/ops/_softmax.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/binary_cross_entropy.h>
#include <ATen/ops/binary_cross_entropy_backward.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/l1_loss.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/mse_loss_backward.h>
#include <ATen/ops/nll_loss2d_backward.h>
#include <ATen/ops/nll_loss2d_forward.h>
#include <ATen/ops/nll_loss_backward.h>
#include <ATen/ops/nll_loss_forward.h>
#include <ATen/ops/smooth_l1_loss.h>
#include <ATen/ops/smooth_l1_loss_backward.h>

#include "../kernel.h"
#include "../results.h"

namespace npu_sim::ops {

namespace {

at::Tensor single(In t) { return t.numel() == 1 ? t.reshape({}) : t; }

}  // namespace

NPU_SIM_KERNEL(aclnnSoftmax, rules::along_dim, rules::input_bytes) = [](In self, int64_t dim, Out out) {
  out.copy_(at::_softmax(self, dim, false));
};
NPU_SIM_KERNEL(aclnnLogSoftmax, rules::along_dim, rules::input_bytes) = [](In self, int64_t dim, Out out) {
  out.copy_(at::_log_softmax(self, dim, false));
};
NPU_SIM_KERNEL(aclnnSoftmaxBackward, rules::softmax_backward) = [](In grad, In output, int64_t dim, Out out) {
  out.copy_(at::_softmax_backward_data(grad, output, dim, output.scalar_type()));
};
NPU_SIM_KERNEL(aclnnLogSoftmaxBackward, rules::softmax_backward) = [](In grad, In output, int64_t dim,
                                                                      Out out) {
  out.copy_(at::_log_softmax_backward_data(grad, output, dim, output.scalar_type()));
};

NPU_SIM_KERNEL(aclnnNLLLoss, rules::nll_loss) = [](In self, In target, In weight, int64_t reduction,
                                                   int64_t ignore, Out out, Out total) {
  auto [loss, sum] = at::nll_loss_forward(self, target.to(at::kLong), weight, reduction, ignore);
  put(out, loss);
  put(total, sum);
};
NPU_SIM_KERNEL(aclnnNLLLossBackward, rules::nll_loss_backward) =
    [](In grad, In self, In target, In weight, int64_t reduction, int64_t ignore, In total, Out out) {
      out.copy_(at::nll_loss_backward(reduction == 0 ? grad : single(grad), self, target.to(at::kLong),
                                      weight, reduction, ignore, single(total)));
    };
NPU_SIM_KERNEL(aclnnNLLLoss2d, rules::nll_loss2d) = [](In self, In target, In weight, int64_t reduction,
                                                       int64_t ignore, Out out, Out total) {
  auto [loss, sum] = at::nll_loss2d_forward(self, target.to(at::kLong), weight, reduction, ignore);
  put(out, loss);
  put(total, sum);
};
NPU_SIM_KERNEL(aclnnNLLLoss2dBackward, rules::nll_loss2d_backward) =
    [](In grad, In self, In target, In weight, int64_t reduction, int64_t ignore, In total, Out out) {
      out.copy_(at::nll_loss2d_backward(reduction == 0 ? grad : single(grad), self, target.to(at::kLong),
                                        weight, reduction, ignore, single(total)));
    };
NPU_SIM_KERNEL(aclnnMseLoss, rules::loss) = [](In self, In target, int64_t reduction, Out out) {
  put(out, at::mse_loss(self, target, reduction));
};
NPU_SIM_KERNEL(aclnnMseLossBackward, rules::loss_backward) = [](In grad, In self, In target,
                                                                int64_t reduction, Out out) {
  out.copy_(at::mse_loss_backward(grad, self, target, reduction));
};
NPU_SIM_KERNEL(aclnnL1Loss, rules::loss) = [](In self, In target, int64_t reduction, Out out) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      reduction != 1 || !c10::isIntegralType(self.scalar_type(), /*includeBool=*/true), "a mean of integers");
  put(out, at::l1_loss(self, target, reduction));
};
// The derivative at equal numbers is 0.
NPU_SIM_KERNEL(aclnnL1LossBackward, rules::loss_backward) = [](In grad, In self, In target, int64_t reduction,
                                                               Out out) {
  const at::Tensor sign = self.sub(target).sgn_();
  out.copy_(sign.mul(grad).div_(reduction == 1 ? sign.numel() : 1));
};
NPU_SIM_KERNEL(aclnnSmoothL1Loss, rules::smooth_loss) = [](In self, In target, int64_t reduction, double beta,
                                                           Out out) {
  put(out, at::smooth_l1_loss(self, target, reduction, beta));
};
NPU_SIM_KERNEL(aclnnSmoothL1LossBackward, rules::smooth_loss_backward) =
    [](In grad, In self, In target, int64_t reduction, double beta, Out out) {
      out.copy_(at::smooth_l1_loss_backward(grad, self, target, reduction, beta));
    };
NPU_SIM_KERNEL(aclnnBinaryCrossEntropy, rules::loss) = [](In self, In target, OptIn weight, int64_t reduction,
                                                          Out out) {
  put(out, at::binary_cross_entropy(self, target, weight, reduction));
};
NPU_SIM_KERNEL(aclnnBinaryCrossEntropyBackward, rules::loss_backward) =
    [](In grad, In self, In target, OptIn weight, int64_t reduction, Out out) {
      out.copy_(at::binary_cross_entropy_backward(grad, self, target, weight, reduction));
    };
NPU_SIM_KERNEL(aclnnBinaryCrossEntropyWithLogits, rules::loss) =
    [](In self, In target, OptIn weight, OptIn pos_weight, int64_t reduction, Out out) {
      put(out, at::binary_cross_entropy_with_logits(self, target, weight, pos_weight, reduction));
    };

// (sigmoid(x) - t) w, where what weighs positive targets weighs what they add.
NPU_SIM_KERNEL(aclnnBinaryCrossEntropyWithLogitsBackward, rules::loss_backward) =
    [](In grad, In self, In target, OptIn weight, OptIn pos_weight, int64_t reduction, Out out) {
      const at::Tensor x = wide(self), t = wide(target);
      at::Tensor g = x.sigmoid().sub(t);
      if (pos_weight) {
        const at::Tensor positive = t.mul(wide(*pos_weight));
        g = positive.add(1).sub(t).mul(x.sigmoid()).sub(positive);
      }
      if (weight) g = g.mul(wide(*weight));
      out.copy_(g.mul(wide(grad)).div(reduction == 1 ? static_cast<double>(g.numel()) : 1.0));
    };

}  // namespace npu_sim::ops
