// SPDX-License-Identifier: BSD-3-Clause
// Angles and complex numbers, logarithms of sums, shifts, sets, and what else is elementwise but no
// arithmetic.
#include <ATen/ops/angle.h>
#include <ATen/ops/atan2.h>
#include <ATen/ops/bitwise_left_shift.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/erfinv.h>
#include <ATen/ops/gcd.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/logaddexp2.h>
#include <ATen/ops/logspace.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/renorm.h>
#include <ATen/ops/signbit.h>
#include <ATen/ops/sinc.h>
#include <ATen/ops/threshold.h>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::FlatTensor;

// The output holds the complex numbers that two real operands make.
void complex_of(const Call& c) {
  rules::predicate(c);
  const auto [p, out] = rules::first_output(c);
  if (rules::category(out.dtype) != 3) rules::refuse(c, p.name, nnop::describe(out), "a complex dtype");
}

// The output is of floating point and has the input's shape.
void real_result(const Call& c) {
  rules::first_shape(c);
  const auto [p, out] = rules::first_output(c);
  if (rules::category(out.dtype) != 2)
    rules::refuse(c, p.name, nnop::describe(out), "a floating point dtype");
}

// The shape of the tensor among number and tensor.
void set_result(const Call& c) {
  rules::first_shape(c);
  const auto [p, out] = rules::first_output(c);
  rules::expect_dtype(c, p.name, out, ACL_BOOL, "as an answer is");
}

void renormed(const Call& c) {
  rules::like_self(c);
  const FlatTensor& self = rules::at(c, "self");
  if (self.ndim < 2) rules::refuse(c, "self", nnop::describe(self), "at least 2 dims");
  rules::dim_in_range(c);
}

void steps(const Call& c) {
  if (rules::number(c, "steps") < 0) rules::refuse(c, "steps", "negative", "a count");
  const auto [p, out] = rules::first_output(c);
  rules::expect_numel(c, p.name, out, rules::number(c, "steps"));
}

}  // namespace

NPU_SIM_KERNEL(aclnnAngleV2, real_result) = [](In x, Out out) { out.copy_(at::angle(x)); };
NPU_SIM_KERNEL(aclnnAtan2, rules::floating) = [](In self, In other, Out out) {
  at::atan2_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnComplex, complex_of) = [](In re, In im, Out out) { out.copy_(at::complex(re, im)); };
NPU_SIM_KERNEL(aclnnPolar, complex_of) = [](In size, In angle, Out out) { at::polar_out(out, size, angle); };
NPU_SIM_KERNEL(aclnnErfinv, rules::floating) = [](In self, Out out) { at::erfinv_out(out, self); };
NPU_SIM_KERNEL(aclnnSinc, rules::floating) = [](In self, Out out) { at::sinc_out(out, self); };
NPU_SIM_KERNEL(aclnnSignbit, rules::first_shape) = [](In self, Out out) { out.copy_(at::signbit(self)); };
NPU_SIM_KERNEL(aclnnGcd, rules::broadcast) = [](In self, In other, Out out) {
  at::gcd_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnLogAddExp, rules::floating) = [](In self, In other, Out out) {
  out.copy_(at::logaddexp(self.to(out.scalar_type()), other.to(out.scalar_type())));
};
NPU_SIM_KERNEL(aclnnLogAddExp2, rules::floating) = [](In self, In other, Out out) {
  out.copy_(at::logaddexp2(self.to(out.scalar_type()), other.to(out.scalar_type())));
};
NPU_SIM_KERNEL(aclnnLeftShift, rules::broadcast) = [](In self, In bits, Out out) {
  at::bitwise_left_shift_out(out, self, bits);
};
NPU_SIM_KERNEL(aclnnLeftShifts, rules::broadcast) = [](In self, Num bits, Out out) {
  out.copy_(at::bitwise_left_shift(self, bits));
};
NPU_SIM_KERNEL(aclnnRightShift, rules::broadcast) = [](In self, In bits, Out out) {
  at::bitwise_right_shift_out(out, self, bits);
};
NPU_SIM_KERNEL(aclnnNanToNum, rules::same) = [](In self, double nan, double posinf, double neginf, Out out) {
  out.copy_(at::nan_to_num(self, nan, posinf, neginf));
};
NPU_SIM_KERNEL(aclnnThreshold, rules::same) = [](In self, Num threshold, Num value, Out out) {
  out.copy_(at::threshold(self, threshold, value));
};
NPU_SIM_KERNEL(aclnnRenorm, renormed) = [](In self, Num p, int64_t dim, Num most, Out out) {
  at::renorm_out(out, self, p, dim, most);
};
NPU_SIM_KERNEL(aclnnIsInTensorScalar, set_result) = [](In element, Num test, bool, bool invert, Out out) {
  out.copy_(invert ? element.ne(test) : element.eq(test));
};
// A number is in a set, or is not: one answer.
NPU_SIM_KERNEL(aclnnIsInScalarTensor, rules::reduce_all) = [](Num element, In tests, bool, bool invert,
                                                              Out out) {
  const at::Tensor found = tests.eq(element).any();
  out.copy_((invert ? found.logical_not() : found).reshape(out.sizes()));
};
NPU_SIM_KERNEL(aclnnLogSpace, steps) = [](Num start, Num end, int64_t n, double base, Out out) {
  at::logspace_out(out, start, end, n, base);
};

}  // namespace npu_sim::ops
