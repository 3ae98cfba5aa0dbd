// SPDX-License-Identifier: BSD-3-Clause
// Arithmetic of two tensors, or of a tensor and a scalar.
#include <ATen/ops/add.h>
#include <ATen/ops/addcdiv.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_not.h>
#include <ATen/ops/bitwise_or.h>
#include <ATen/ops/bitwise_xor.h>
#include <ATen/ops/div.h>
#include <ATen/ops/floor_divide.h>
#include <ATen/ops/fmod.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/remainder.h>
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
  at::sub_out(out, self, other, alpha);
};
NPU_SIM_KERNEL(aclnnSubs, rules::broadcast) = [](In self, Num other, Num alpha, Out out) {
  at::sub_out(out, self, wrapped(other), alpha);
};
NPU_SIM_KERNEL(aclnnMul, rules::broadcast) = [](In self, In other, Out out) {
  at::mul_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnMuls, rules::broadcast) = [](In self, Num other, Out out) {
  at::mul_out(out, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnDiv, rules::floating) = [](In self, In other, Out out) { at::div_out(out, self, other); };
NPU_SIM_KERNEL(aclnnDivs, rules::floating) = [](In self, Num other, Out out) {
  at::div_out(out, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnDivMod, rules::broadcast) = [](In self, In other, int64_t mode, Out out) {
  at::div_out(out, self, other, rounding(mode));
};
NPU_SIM_KERNEL(aclnnDivMods, rules::broadcast) = [](In self, Num other, int64_t mode, Out out) {
  at::div_out(out, self, wrapped(other), rounding(mode));
};
NPU_SIM_KERNEL(aclnnFloorDivide, rules::broadcast) = [](In self, In other, Out out) {
  at::floor_divide_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnFloorDivides, rules::broadcast) = [](In self, Num other, Out out) {
  at::floor_divide_out(out, self, wrapped(other));
};

NPU_SIM_KERNEL(aclnnInplaceAdd, rules::in_place) = [](Out self, In other, Num alpha) {
  at::add_out(self, self, other, alpha);
};
NPU_SIM_KERNEL(aclnnInplaceAdds, rules::in_place) = [](Out self, Num other, Num alpha) {
  at::add_out(self, self, wrapped(other), alpha);
};
NPU_SIM_KERNEL(aclnnInplaceSub, rules::in_place) = [](Out self, In other, Num alpha) {
  at::sub_out(self, self, other, alpha);
};
NPU_SIM_KERNEL(aclnnInplaceSubs, rules::in_place) = [](Out self, Num other, Num alpha) {
  at::sub_out(self, self, wrapped(other), alpha);
};
NPU_SIM_KERNEL(aclnnInplaceMul, rules::in_place) = [](Out self, In other) { at::mul_out(self, self, other); };
NPU_SIM_KERNEL(aclnnInplaceMuls, rules::in_place) = [](Out self, Num other) {
  at::mul_out(self, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnInplaceDiv, rules::in_place) = [](Out self, In other) { at::div_out(self, self, other); };
NPU_SIM_KERNEL(aclnnInplaceDivs, rules::in_place) = [](Out self, Num other) {
  at::div_out(self, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnInplaceDivMod, rules::in_place) = [](Out self, In other, int64_t mode) {
  at::div_out(self, self, other, rounding(mode));
};
NPU_SIM_KERNEL(aclnnInplaceDivMods, rules::in_place) = [](Out self, Num other, int64_t mode) {
  at::div_out(self, self, wrapped(other), rounding(mode));
};

NPU_SIM_KERNEL(aclnnPowTensorScalar, rules::broadcast) = [](In self, Num exponent, Out out) {
  at::pow_out(out, self, exponent);
};
NPU_SIM_KERNEL(aclnnPowTensorTensor, rules::broadcast) = [](In self, In exponent, Out out) {
  at::pow_out(out, self, exponent);
};
NPU_SIM_KERNEL(aclnnPowScalarTensor, rules::broadcast) = [](Num self, In exponent, Out out) {
  at::pow_out(out, self, exponent);
};
NPU_SIM_KERNEL(aclnnInplacePowTensorScalar, rules::in_place) = [](Out self, Num exponent) {
  at::pow_out(self, self, exponent);
};
NPU_SIM_KERNEL(aclnnInplacePowTensorTensor, rules::in_place) = [](Out self, In exponent) {
  at::pow_out(self, self, exponent);
};
NPU_SIM_KERNEL(aclnnMaximum, rules::broadcast) = [](In self, In other, Out out) {
  at::maximum_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnMinimum, rules::broadcast) = [](In self, In other, Out out) {
  at::minimum_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnRemainderTensorTensor, rules::broadcast) = [](In self, In other, Out out) {
  at::remainder_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnRemainderTensorScalar, rules::broadcast) = [](In self, Num other, Out out) {
  at::remainder_out(out, self, wrapped(other));
};
NPU_SIM_KERNEL(aclnnFmodTensor, rules::broadcast) = [](In self, In other, Out out) {
  at::fmod_out(out, self, other);
};
NPU_SIM_KERNEL(aclnnFmodScalar, rules::broadcast) = [](In self, Num other, Out out) {
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
  at::addcdiv_out(out, self, tensor1, tensor2, value);
};
NPU_SIM_KERNEL(aclnnInplaceAddcmul, rules::in_place) = [](Out self, In tensor1, In tensor2, Num value) {
  at::addcmul_out(self, self, tensor1, tensor2, value);
};
NPU_SIM_KERNEL(aclnnInplaceAddcdiv, rules::in_place) = [](Out self, In tensor1, In tensor2, Num value) {
  at::addcdiv_out(self, self, tensor1, tensor2, value);
};
NPU_SIM_KERNEL(aclnnLerp, rules::broadcast) = [](In self, In end, In weight, Out out) {
  at::lerp_out(out, self, end, weight);
};
NPU_SIM_KERNEL(aclnnLerps, rules::broadcast) = [](In self, In end, Num weight, Out out) {
  at::lerp_out(out, self, end, weight);
};
NPU_SIM_KERNEL(aclnnInplaceLerp, rules::in_place) = [](Out self, In end, In weight) {
  at::lerp_out(self, self, end, weight);
};
NPU_SIM_KERNEL(aclnnInplaceLerps, rules::in_place) = [](Out self, In end, Num weight) {
  at::lerp_out(self, self, end, weight);
};

}  // namespace npu_sim::ops
