// SPDX-License-Identifier: BSD-3-Clause
// Arithmetic of two tensors, or of a tensor and a scalar.
#include <ATen/ops/add.h>
#include <ATen/ops/addcdiv.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/any.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_not.h>
#include <ATen/ops/bitwise_or.h>
#include <ATen/ops/bitwise_xor.h>
#include <ATen/ops/div.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/fmod.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/result_type.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sub.h>

#include "../kernel.h"

namespace npu_sim::ops {

namespace {

// A scalar as an operand that does not raise the tensor's dtype within its category, as in Python.
at::Tensor wrapped(Num s) {
  at::Tensor t = at::scalar_tensor(s, s.type());
  t.unsafeGetTensorImpl()->set_wrapped_number(true);
  return t;
}

// torch refuses to divide an integer by zero, halfway through the work. Said before it begins, the call is
// computed in floating point: see compute(). So x / 0 is the largest or smallest integer by the sign of x,
// and 0 / 0 and x % 0 are 0. No public source says what the device gives: that it goes on is known, the
// values are a guess from how it converts infinities to integers.
void expect_divisor(In self, In other) {
  if (!c10::isIntegralType(at::result_type(self, other), /*includeBool=*/true)) return;
  TORCH_CHECK_NOT_IMPLEMENTED(!at::eq(other, 0).any().item<bool>(), "integers divided by zero");
}

// A quotient, by aclnnDivMod's modes. A true one of integers is cut if the output is of integers.
void divide(Out out, In self, In other, std::optional<c10::string_view> how = std::nullopt) {
  if (how) expect_divisor(self, other);
  if (how || !c10::isIntegralType(out.scalar_type(), /*includeBool=*/true))
    at::div_out(out, self, other, how);
  else
    out.copy_(at::div(self, other));
}

// torch subtracts no bools; the device takes them for numbers.
void subtract(Out out, In self, In other, Num alpha) {
  auto number = [](In t) { return t.scalar_type() == at::kBool ? t.to(at::kByte) : t; };
  if (self.scalar_type() != at::kBool && other.scalar_type() != at::kBool)
    at::sub_out(out, self, other, alpha);
  else
    out.copy_(at::sub(number(self), number(other), alpha.isBoolean() ? at::Scalar(alpha.toLong()) : alpha));
}

// Integers to a negative power, and integers divided: torch refuses, so computed in floating point.
void expect_power(In self, Num exponent) {
  const bool negative = exponent.isIntegral(/*includeBool=*/false) && exponent.toLong() < 0;
  TORCH_CHECK_NOT_IMPLEMENTED(!negative || !c10::isIntegralType(self.scalar_type(), /*includeBool=*/true),
                              "integers to a negative power");
}
void expect_quotient(In self) {
  TORCH_CHECK_NOT_IMPLEMENTED(!c10::isIntegralType(self.scalar_type(), /*includeBool=*/true),
                              "quotients of integers");
}

// aclnnDivMod's modes.
std::optional<c10::string_view> rounding(int64_t mode) {
  if (mode == 1) return "trunc";
  if (mode == 2) return "floor";
  return std::nullopt;
}

}  // namespace

NPU_SIM_KERNEL(aclnnAdd, rules::broadcast) = [](In self, In other, Num alpha, Out out) {
  at::add_out(out, self, other, alpha);
};
NPU_SIM_KERNEL(aclnnAdds, rules::broadcast) = [](In self, Num other, Num alpha, Out out) {
  at::add_out(out, self, wrapped(other), alpha);
};
NPU_SIM_KERNEL(aclnnSub, rules::broadcast) = [](In self, In other, Num alpha, Out out) {
  subtract(out, self, other, alpha);
};
NPU_SIM_KERNEL(aclnnSubs, rules::broadcast) = [](In self, Num other, Num alpha, Out out) {
  subtract(out, self, wrapped(other), alpha);
};
NPU_SIM_KERNEL(aclnnMul, rules::broadcast) = [](In self, In other, Out out) {
  at::mul_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnMuls, rules::broadcast) = [](In self, Num other, Out out) {
  at::mul_out(out, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnDiv, rules::broadcast) = [](In self, In other, Out out) { divide(out, self, other); };
NPU_SIM_KERNEL(aclnnDivs, rules::broadcast) = [](In self, Num other, Out out) {
  divide(out, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnDivMod, rules::all<rules::broadcast, rules::division_mode>) =
    [](In self, In other, int64_t mode, Out out) { divide(out, self, other, rounding(mode)); };
NPU_SIM_KERNEL(aclnnDivMods, rules::all<rules::broadcast, rules::division_mode>) =
    [](In self, Num other, int64_t mode, Out out) { divide(out, self, wrapped(other), rounding(mode)); };
NPU_SIM_KERNEL(aclnnFloorDivide, rules::broadcast) = [](In self, In other, Out out) {
  divide(out, self, other, "floor");
};
NPU_SIM_KERNEL(aclnnFloorDivides, rules::broadcast) = [](In self, Num other, Out out) {
  divide(out, self, wrapped(other), "floor");
};

NPU_SIM_KERNEL(aclnnInplaceAdd, rules::in_place_result) = [](Out self, In other, Num alpha) {
  at::add_out(self, self, other, alpha);
};
NPU_SIM_KERNEL(aclnnInplaceAdds, rules::in_place_result) = [](Out self, Num other, Num alpha) {
  at::add_out(self, self, wrapped(other), alpha);
};
NPU_SIM_KERNEL(aclnnInplaceSub, rules::in_place_result) = [](Out self, In other, Num alpha) {
  subtract(self, self, other, alpha);
};
NPU_SIM_KERNEL(aclnnInplaceSubs, rules::in_place_result) = [](Out self, Num other, Num alpha) {
  subtract(self, self, wrapped(other), alpha);
};
NPU_SIM_KERNEL(aclnnInplaceMul, rules::in_place_result) = [](Out self, In other) {
  at::mul_out(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceMuls, rules::in_place_result) = [](Out self, Num other) {
  at::mul_out(self, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnInplaceDiv, rules::in_place_result) = [](Out self, In other) {
  divide(self, self, other);
};
NPU_SIM_KERNEL(aclnnInplaceDivs, rules::in_place_result) = [](Out self, Num other) {
  divide(self, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnInplaceDivMod, rules::all<rules::in_place_result, rules::division_mode>) =
    [](Out self, In other, int64_t mode) { divide(self, self, other, rounding(mode)); };
NPU_SIM_KERNEL(aclnnInplaceDivMods, rules::all<rules::in_place_result, rules::division_mode>) =
    [](Out self, Num other, int64_t mode) { divide(self, self, wrapped(other), rounding(mode)); };

NPU_SIM_KERNEL(aclnnPowTensorScalar, rules::broadcast) = [](In self, Num exponent, Out out) {
  expect_power(self, exponent);
  at::pow_out(out, self, exponent);
};
NPU_SIM_KERNEL(aclnnPowTensorTensor, rules::all<rules::broadcast, rules::no_two_bools>) =
    [](In self, In exponent, Out out) { at::pow_out(out, self, exponent); };
NPU_SIM_KERNEL(aclnnPowScalarTensor, rules::broadcast) = [](Num self, In exponent, Out out) {
  at::pow_out(out, self, exponent);
};
NPU_SIM_KERNEL(aclnnInplacePowTensorScalar, rules::in_place_result) = [](Out self, Num exponent) {
  expect_power(self, exponent);
  at::pow_out(self, self, exponent);
};
NPU_SIM_KERNEL(aclnnInplacePowTensorTensor, rules::all<rules::in_place_result, rules::no_two_bools>) =
    [](Out self, In exponent) { at::pow_out(self, self, exponent); };
NPU_SIM_KERNEL(aclnnMaximum, rules::broadcast) = [](In self, In other, Out out) {
  at::maximum_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnMinimum, rules::broadcast) = [](In self, In other, Out out) {
  at::minimum_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnRemainderTensorTensor, rules::broadcast) = [](In self, In other, Out out) {
  expect_divisor(self, other);
  at::remainder_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnRemainderTensorScalar, rules::broadcast) = [](In self, Num other, Out out) {
  expect_divisor(self, wrapped(other));
  at::remainder_out(out, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnFmodTensor, rules::broadcast) = [](In self, In other, Out out) {
  expect_divisor(self, other);
  at::fmod_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnFmodScalar, rules::broadcast) = [](In self, Num other, Out out) {
  expect_divisor(self, wrapped(other));
  at::fmod_out(out, self, wrapped(other));
};

NPU_SIM_KERNEL(aclnnBitwiseAndTensor, rules::broadcast) = [](In self, In other, Out out) {
  at::bitwise_and_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnBitwiseAndScalar, rules::broadcast) = [](In self, Num other, Out out) {
  at::bitwise_and_out(out, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnBitwiseOrTensor, rules::broadcast) = [](In self, In other, Out out) {
  at::bitwise_or_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnBitwiseOrScalar, rules::broadcast) = [](In self, Num other, Out out) {
  at::bitwise_or_out(out, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnBitwiseXorTensor, rules::broadcast) = [](In self, In other, Out out) {
  at::bitwise_xor_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnBitwiseXorScalar, rules::broadcast) = [](In self, Num other, Out out) {
  at::bitwise_xor_out(out, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnBitwiseNot, rules::same) = [](In self, Out out) { at::bitwise_not_out(out, self); };

NPU_SIM_KERNEL(aclnnAddcmul, rules::broadcast) = [](In self, In tensor1, In tensor2, Num value, Out out) {
  at::addcmul_out(out, self, tensor1, tensor2, value);
};
NPU_SIM_KERNEL(aclnnAddcdiv, rules::broadcast) = [](In self, In tensor1, In tensor2, Num value, Out out) {
  expect_quotient(tensor1);
  at::addcdiv_out(out, self, tensor1, tensor2, value);
};
NPU_SIM_KERNEL(aclnnInplaceAddcmul, rules::in_place_result) =
    [](Out self, In tensor1, In tensor2, Num value) { at::addcmul_out(self, self, tensor1, tensor2, value); };
NPU_SIM_KERNEL(aclnnInplaceAddcdiv, rules::in_place_result) = [](Out self, In tensor1, In tensor2,
                                                                 Num value) {
  expect_quotient(tensor1);
  at::addcdiv_out(self, self, tensor1, tensor2, value);
};
NPU_SIM_KERNEL(aclnnLerp, rules::broadcast) = [](In self, In end, In weight, Out out) {
  at::lerp_out(out, self, end, weight);
};
NPU_SIM_KERNEL(aclnnLerps, rules::broadcast) = [](In self, In end, Num weight, Out out) {
  at::lerp_out(out, self, end, weight);
};
NPU_SIM_KERNEL(aclnnInplaceLerp, rules::in_place_result) = [](Out self, In end, In weight) {
  at::lerp_out(self, self, end, weight);
};
NPU_SIM_KERNEL(aclnnInplaceLerps, rules::in_place_result) = [](Out self, In end, Num weight) {
  at::lerp_out(self, self, end, weight);
};

}  // namespace npu_sim::ops
