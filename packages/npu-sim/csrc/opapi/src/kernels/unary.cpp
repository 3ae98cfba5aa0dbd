// SPDX-License-Identifier: BSD-3-Clause
// Functions of one tensor, element by element.
#include <ATen/ops/abs.h>
#include <ATen/ops/acos.h>
#include <ATen/ops/acosh.h>
#include <ATen/ops/asin.h>
#include <ATen/ops/asinh.h>
#include <ATen/ops/atan.h>
#include <ATen/ops/atanh.h>
#include <ATen/ops/ceil.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/cosh.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/erfc.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/exp2.h>
#include <ATen/ops/expm1.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/frac.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log10.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/log2.h>
#include <ATen/ops/logit.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/round.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/sinh.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/tan.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/trunc.h>

#include "../kernel.h"

namespace npu_sim::ops {

NPU_SIM_KERNEL(aclnnAbs, rules::absolute) = [](In self, Out out) { at::abs_out(out, self); };
NPU_SIM_KERNEL(aclnnSqrt, rules::floating) = [](In self, Out out) { at::sqrt_out(out, self); };
NPU_SIM_KERNEL(aclnnRsqrt, rules::floating) = [](In self, Out out) { at::rsqrt_out(out, self); };
NPU_SIM_KERNEL(aclnnExp, rules::floating) = [](In self, Out out) { at::exp_out(out, self); };
NPU_SIM_KERNEL(aclnnExp2, rules::floating) = [](In self, Out out) { at::exp2_out(out, self); };
NPU_SIM_KERNEL(aclnnExpm1, rules::floating) = [](In self, Out out) { at::expm1_out(out, self); };
NPU_SIM_KERNEL(aclnnLog, rules::floating) = [](In self, Out out) { at::log_out(out, self); };
NPU_SIM_KERNEL(aclnnLog2, rules::floating) = [](In self, Out out) { at::log2_out(out, self); };
NPU_SIM_KERNEL(aclnnLog10, rules::floating) = [](In self, Out out) { at::log10_out(out, self); };
NPU_SIM_KERNEL(aclnnLog1p, rules::floating) = [](In self, Out out) { at::log1p_out(out, self); };
NPU_SIM_KERNEL(aclnnTanh, rules::floating) = [](In self, Out out) { at::tanh_out(out, self); };
NPU_SIM_KERNEL(aclnnSigmoid, rules::floating) = [](In self, Out out) { at::sigmoid_out(out, self); };
NPU_SIM_KERNEL(aclnnSin, rules::floating) = [](In self, Out out) { at::sin_out(out, self); };
NPU_SIM_KERNEL(aclnnCos, rules::floating) = [](In self, Out out) { at::cos_out(out, self); };
NPU_SIM_KERNEL(aclnnReciprocal, rules::floating) = [](In self, Out out) { at::reciprocal_out(out, self); };
NPU_SIM_KERNEL(aclnnErf, rules::floating) = [](In self, Out out) { at::erf_out(out, self); };
NPU_SIM_KERNEL(aclnnErfc, rules::floating) = [](In self, Out out) { at::erfc_out(out, self); };
NPU_SIM_KERNEL(aclnnTan, rules::floating) = [](In self, Out out) { at::tan_out(out, self); };
NPU_SIM_KERNEL(aclnnAcos, rules::floating) = [](In self, Out out) { at::acos_out(out, self); };
NPU_SIM_KERNEL(aclnnAsin, rules::floating) = [](In self, Out out) { at::asin_out(out, self); };
NPU_SIM_KERNEL(aclnnAtan, rules::floating) = [](In self, Out out) { at::atan_out(out, self); };
NPU_SIM_KERNEL(aclnnSinh, rules::floating) = [](In self, Out out) { at::sinh_out(out, self); };
NPU_SIM_KERNEL(aclnnCosh, rules::floating) = [](In self, Out out) { at::cosh_out(out, self); };
NPU_SIM_KERNEL(aclnnAcosh, rules::floating) = [](In self, Out out) { at::acosh_out(out, self); };
NPU_SIM_KERNEL(aclnnAsinh, rules::floating) = [](In self, Out out) { at::asinh_out(out, self); };
NPU_SIM_KERNEL(aclnnAtanh, rules::floating) = [](In self, Out out) { at::atanh_out(out, self); };
NPU_SIM_KERNEL(aclnnNeg, rules::same) = [](In self, Out out) { at::neg_out(out, self); };
NPU_SIM_KERNEL(aclnnSign, rules::same) = [](In self, Out out) { at::sign_out(out, self); };
NPU_SIM_KERNEL(aclnnCeil, rules::same) = [](In self, Out out) { at::ceil_out(out, self); };
NPU_SIM_KERNEL(aclnnFloor, rules::same) = [](In self, Out out) { at::floor_out(out, self); };
// A negative eps stands for none.
NPU_SIM_KERNEL(aclnnLogit, rules::same) = [](In self, double eps, Out out) {
  at::logit_out(out, self, eps < 0 ? std::optional<double>() : std::optional(eps));
};
NPU_SIM_KERNEL(aclnnRoundDecimals, rules::same) = [](In self, int64_t decimals, Out out) {
  at::round_out(out, self, decimals);
};
NPU_SIM_KERNEL(aclnnRound, rules::same) = [](In self, Out out) { at::round_out(out, self); };
NPU_SIM_KERNEL(aclnnTrunc, rules::same) = [](In self, Out out) { at::trunc_out(out, self); };
NPU_SIM_KERNEL(aclnnFrac, rules::all<rules::first_shape, rules::one_dtype>) = [](In self, Out out) {
  at::frac_out(out, self);
};

NPU_SIM_KERNEL(aclnnInplaceSqrt, rules::in_place) = [](Out self) { at::sqrt_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceRsqrt, rules::in_place) = [](Out self) { at::rsqrt_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceExp, rules::in_place) = [](Out self) { at::exp_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceExp2, rules::in_place) = [](Out self) { at::exp2_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceExpm1, rules::in_place) = [](Out self) { at::expm1_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceLog, rules::in_place) = [](Out self) { at::log_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceLog2, rules::in_place) = [](Out self) { at::log2_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceLog10, rules::in_place) = [](Out self) { at::log10_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceLog1p, rules::in_place) = [](Out self) { at::log1p_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceTanh, rules::in_place) = [](Out self) { at::tanh_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceSigmoid, rules::in_place) = [](Out self) { at::sigmoid_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceSin, rules::in_place) = [](Out self) { at::sin_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceCos, rules::in_place) = [](Out self) { at::cos_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceReciprocal, rules::in_place) = [](Out self) { at::reciprocal_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceErf, rules::in_place) = [](Out self) { at::erf_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceErfc, rules::in_place) = [](Out self) { at::erfc_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceTan, rules::in_place) = [](Out self) { at::tan_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceAcos, rules::in_place) = [](Out self) { at::acos_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceAsin, rules::in_place) = [](Out self) { at::asin_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceAtan, rules::in_place) = [](Out self) { at::atan_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceSinh, rules::in_place) = [](Out self) { at::sinh_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceCosh, rules::in_place) = [](Out self) { at::cosh_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceAcosh, rules::in_place) = [](Out self) { at::acosh_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceAsinh, rules::in_place) = [](Out self) { at::asinh_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceAtanh, rules::in_place) = [](Out self) { at::atanh_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceCeil, rules::in_place) = [](Out self) { at::ceil_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceFloor, rules::in_place) = [](Out self) { at::floor_out(self, self); };
NPU_SIM_KERNEL(aclnnInplaceFrac, rules::in_place) = [](Out self) { at::frac_out(self, self); };

}  // namespace npu_sim::ops
