// SPDX-License-Identifier: BSD-3-Clause
// Arithmetic made of other arithmetic: sums through relu, subtraction from the right, remainders of a number,
// clamps by tensors, closeness, outer products added, diagonals filled.
#include <ATen/ops/add.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/isclose.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/result_type.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/sub.h>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

// 'self' takes the shape of the outer product, or broadcasts to it.
void addr(const Call& c) {
  const auto &a = rules::at(c, "vec1"), &b = rules::at(c, "vec2");
  for (auto [name, t] : {std::pair("vec1", &a), std::pair("vec2", &b)})
    if (t->ndim != 1) rules::refuse(c, name, nnop::describe(*t), "1 dim");
  rules::Shape s{a.sizes()[0], b.sizes()[0]};
  rules::broadcast_with(c, s, "self", rules::at(c, "self"));
  rules::expect_outputs(c, s, "that of the outer product");
}

void is_close(const Call& c) {
  rules::predicate(c);
  const auto &self = rules::at(c, "self"), &other = rules::at(c, "other");
  rules::expect_dtype(c, "other", other, self.dtype, "that of 'self'");
}

void at_least_two_dims(const Call& c) {
  const auto& self = rules::at(c, "selfRef");
  if (self.ndim < 2) rules::refuse(c, "selfRef", nnop::describe(self), "at least 2 dims");
}

bool positive(OptNum n, bool otherwise) { return n ? n->toDouble() != 0 : otherwise; }

}  // namespace

NPU_SIM_KERNEL(aclnnAddRelu, rules::broadcast) = [](In self, In other, Num alpha, Out out) {
  out.copy_(at::relu(at::add(self, other, alpha)));
};
NPU_SIM_KERNEL(aclnnRsub, rules::broadcast) = [](In self, In other, Num alpha, Out out) {
  at::sub_out(out, other, self, alpha);
};
NPU_SIM_KERNEL(aclnnRsubs, rules::broadcast) = [](In self, Num other, Num alpha, Out out) {
  out.copy_(at::rsub(self, other, alpha));
};
// A number modulo integers that are 0 is computed in floating point: see expect_divisor in pointwise.cpp.
NPU_SIM_KERNEL(aclnnRemainderScalarTensor, rules::broadcast) = [](Num self, In other, Out out) {
  TORCH_CHECK_NOT_IMPLEMENTED(!c10::isIntegralType(at::result_type(other, self), /*includeBool=*/true) ||
                                  !at::eq(other, 0).any().item<bool>(),
                              "integers divided by zero");
  out.copy_(at::remainder(self, other));
};
NPU_SIM_KERNEL(aclnnClampMaxTensor, rules::broadcast) = [](In self, In max, Out out) {
  out.copy_(at::clamp_max(self, max));
};
NPU_SIM_KERNEL(aclnnClampMinTensor, rules::broadcast) = [](In self, In min, Out out) {
  out.copy_(at::clamp_min(self, min));
};
NPU_SIM_KERNEL(aclnnIsClose, is_close) = [](In self, In other, double rtol, double atol, bool equal_nan,
                                            Out out) {
  out.copy_(at::isclose(self, other, rtol, atol, equal_nan));
};
// Without 'beta' or 'alpha' they are 1; what is multiplied by 0 does not count, not even NaN. Of bools a
// factor says only whether its part takes part.
NPU_SIM_KERNEL(aclnnAddr, addr) = [](In self, In vec1, In vec2, OptNum beta, OptNum alpha, Out out) {
  at::Tensor product = at::outer(wide(vec1), wide(vec2));
  if (product.scalar_type() == at::kBool) {
    if (!positive(alpha, true)) product.zero_();
    if (positive(beta, true)) product = product.logical_or(self);
    return put(out, product);
  }
  if (alpha) product = product.mul(*alpha);
  if (positive(beta, true)) product = product.add(wide(self), beta ? *beta : at::Scalar(1));
  put(out, product);
};
NPU_SIM_KERNEL(aclnnInplaceFillDiagonal, at_least_two_dims) = [](Out self, Num value, bool wrap) {
  self.fill_diagonal_(value, wrap);
};

}  // namespace npu_sim::ops
