// SPDX-License-Identifier: BSD-3-Clause
// Comparisons, logic and predicates: results of bool, cast into whatever the output is.
#include <ATen/ops/eq.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/isneginf.h>
#include <ATen/ops/isposinf.h>
#include <ATen/ops/le.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/logical_xor.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/where.h>

#include "../kernel.h"

namespace npu_sim::ops {

NPU_SIM_KERNEL(aclnnEqTensor, rules::predicate) = [](In self, In other, Out out) {
  at::eq_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnEqScalar, rules::predicate) = [](In self, Num other, Out out) {
  at::eq_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnNeTensor, rules::predicate) = [](In self, In other, Out out) {
  at::ne_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnNeScalar, rules::predicate) = [](In self, Num other, Out out) {
  at::ne_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnGtTensor, rules::predicate) = [](In self, In other, Out out) {
  at::gt_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnGtScalar, rules::predicate) = [](In self, Num other, Out out) {
  at::gt_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnGeTensor, rules::predicate) = [](In self, In other, Out out) {
  at::ge_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnGeScalar, rules::predicate) = [](In self, Num other, Out out) {
  at::ge_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnLtTensor, rules::predicate) = [](In self, In other, Out out) {
  at::lt_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnLtScalar, rules::predicate) = [](In self, Num other, Out out) {
  at::lt_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnLeTensor, rules::predicate) = [](In self, In other, Out out) {
  at::le_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnLeScalar, rules::predicate) = [](In self, Num other, Out out) {
  at::le_out(out, self, other);
};

NPU_SIM_KERNEL(aclnnInplaceEqTensor, rules::in_place) = [](Out self, In other) {
  at::eq_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceEqScalar, rules::in_place) = [](Out self, Num other) {
  at::eq_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceNeTensor, rules::in_place) = [](Out self, In other) {
  at::ne_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceNeScalar, rules::in_place) = [](Out self, Num other) {
  at::ne_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceGtTensor, rules::in_place) = [](Out self, In other) {
  at::gt_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceGtScalar, rules::in_place) = [](Out self, Num other) {
  at::gt_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceGeTensor, rules::in_place) = [](Out self, In other) {
  at::ge_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceGeScalar, rules::in_place) = [](Out self, Num other) {
  at::ge_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceLtTensor, rules::in_place) = [](Out self, In other) {
  at::lt_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceLtScalar, rules::in_place) = [](Out self, Num other) {
  at::lt_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceLeTensor, rules::in_place) = [](Out self, In other) {
  at::le_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceLeScalar, rules::in_place) = [](Out self, Num other) {
  at::le_out(self, self, other);
};

NPU_SIM_KERNEL(aclnnLogicalAnd, rules::predicate) = [](In self, In other, Out out) {
  at::logical_and_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnLogicalOr, rules::predicate) = [](In self, In other, Out out) {
  at::logical_or_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnLogicalXor, rules::predicate) = [](In self, In other, Out out) {
  at::logical_xor_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnLogicalNot, rules::predicate) = [](In self, Out out) { at::logical_not_out(out, self); };
NPU_SIM_KERNEL(aclnnIsFinite, rules::predicate) = [](In self, Out out) { out.copy_(at::isfinite(self)); };
NPU_SIM_KERNEL(aclnnIsPosInf, rules::predicate) = [](In self, Out out) { at::isposinf_out(out, self); };
NPU_SIM_KERNEL(aclnnIsNegInf, rules::predicate) = [](In self, Out out) { at::isneginf_out(out, self); };
NPU_SIM_KERNEL(aclnnEqual, rules::reduce_all) = [](In self, In other, Out out) {
  out.fill_(at::equal(self, other));
};

// The condition may be uint8, as torch once had it.
NPU_SIM_KERNEL(aclnnSWhere, rules::predicate) = [](In condition, In self, In other, Out out) {
  at::where_out(out, condition.to(at::kBool), self, other);
};

}  // namespace npu_sim::ops
