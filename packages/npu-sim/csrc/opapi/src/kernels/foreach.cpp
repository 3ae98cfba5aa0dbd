// SPDX-License-Identifier: BSD-3-Clause
// The same operation on every tensor of a list.
#include <ATen/ops/abs.h>
#include <ATen/ops/acos.h>
#include <ATen/ops/add.h>
#include <ATen/ops/addcdiv.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/asin.h>
#include <ATen/ops/atan.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/cosh.h>
#include <ATen/ops/div.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/erfc.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/expm1.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log10.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/log2.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/sinh.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tan.h>
#include <ATen/ops/tanh.h>

#include "../kernel.h"

namespace npu_sim::ops {

namespace {

using List = at::TensorList;
using Scalars = at::ArrayRef<at::Scalar>;

template <class F>
void each(List out, F f) {
  for (size_t i = 0; i < out.size(); ++i) {
    at::Tensor o = out[i];
    f(i, o);
  }
}

// Integers have no exponential in torch: computed in floating point. Said before anything is written, since
// outputs may be the inputs.
void expect_real(List x) {
  for (const at::Tensor& t : x)
    TORCH_CHECK_NOT_IMPLEMENTED(!c10::isIntegralType(t.scalar_type(), /*includeBool=*/true), "integers");
}

// A scalar as an operand that does not raise the tensors' dtype within its category.
at::Tensor operand(Num s) {
  at::Tensor t = at::scalar_tensor(s, s.type());
  t.unsafeGetTensorImpl()->set_wrapped_number(true);
  return t;
}

}  // namespace

NPU_SIM_KERNEL(aclnnForeachAbs, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::abs_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachAcos, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::acos_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachAsin, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::asin_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachAtan, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::atan_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachCos, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::cos_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachCosh, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::cosh_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachErf, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::erf_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachErfc, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::erfc_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachExp, rules::lists) = [](List x, List out) {
  expect_real(x);
  each(out, [&](size_t i, Out o) { at::exp_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachExpm1, rules::lists) = [](List x, List out) {
  expect_real(x);
  each(out, [&](size_t i, Out o) { at::expm1_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachLog, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::log_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachLog10, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::log10_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachLog1p, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::log1p_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachLog2, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::log2_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachNeg, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::neg_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachReciprocal, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::reciprocal_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachSigmoid, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::sigmoid_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachSign, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::sign_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachSin, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::sin_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachSinh, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::sinh_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachSqrt, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::sqrt_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachTan, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::tan_out(o, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachTanh, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { at::tanh_out(o, x[i]); });
};

NPU_SIM_KERNEL(aclnnForeachAddList, rules::lists) = [](List x, List y, In alpha, List out) {
  each(out, [&, a = alpha.item()](size_t i, Out o) { at::add_out(o, x[i], y[i], a); });
};
NPU_SIM_KERNEL(aclnnForeachAddListV2, rules::lists) = [](List x, List y, Num alpha, List out) {
  each(out, [&](size_t i, Out o) { at::add_out(o, x[i], y[i], alpha); });
};
NPU_SIM_KERNEL(aclnnForeachAddScalar, rules::lists) = [](List x, In s, List out) {
  each(out, [&, v = s.item()](size_t i, Out o) { at::add_out(o, x[i], operand(v)); });
};
NPU_SIM_KERNEL(aclnnForeachAddScalarV2, rules::lists) = [](List x, Num s, List out) {
  each(out, [&](size_t i, Out o) { at::add_out(o, x[i], operand(s)); });
};
NPU_SIM_KERNEL(aclnnForeachAddScalarList, rules::lists) = [](List x, Scalars s, List out) {
  each(out, [&](size_t i, Out o) { at::add_out(o, x[i], operand(s[i])); });
};
NPU_SIM_KERNEL(aclnnForeachSubList, rules::lists) = [](List x, List y, In alpha, List out) {
  each(out, [&, a = alpha.item()](size_t i, Out o) { at::sub_out(o, x[i], y[i], a); });
};
NPU_SIM_KERNEL(aclnnForeachSubListV2, rules::lists) = [](List x, List y, Num alpha, List out) {
  each(out, [&](size_t i, Out o) { at::sub_out(o, x[i], y[i], alpha); });
};
NPU_SIM_KERNEL(aclnnForeachSubScalar, rules::lists) = [](List x, In s, List out) {
  each(out, [&, v = s.item()](size_t i, Out o) { at::sub_out(o, x[i], operand(v)); });
};
NPU_SIM_KERNEL(aclnnForeachSubScalarV2, rules::lists) = [](List x, Num s, List out) {
  each(out, [&](size_t i, Out o) { at::sub_out(o, x[i], operand(s)); });
};
NPU_SIM_KERNEL(aclnnForeachSubScalarList, rules::lists) = [](List x, Scalars s, List out) {
  each(out, [&](size_t i, Out o) { at::sub_out(o, x[i], operand(s[i])); });
};
NPU_SIM_KERNEL(aclnnForeachMulList, rules::lists) = [](List x, List y, List out) {
  each(out, [&](size_t i, Out o) { at::mul_out(o, x[i], y[i]); });
};
NPU_SIM_KERNEL(aclnnForeachMulScalar, rules::lists) = [](List x, In s, List out) {
  each(out, [&, v = s.item()](size_t i, Out o) { at::mul_out(o, x[i], operand(v)); });
};
NPU_SIM_KERNEL(aclnnForeachMulScalarV2, rules::lists) = [](List x, Num s, List out) {
  each(out, [&](size_t i, Out o) { at::mul_out(o, x[i], operand(s)); });
};
NPU_SIM_KERNEL(aclnnForeachMulScalarList, rules::lists) = [](List x, Scalars s, List out) {
  each(out, [&](size_t i, Out o) { at::mul_out(o, x[i], operand(s[i])); });
};
NPU_SIM_KERNEL(aclnnForeachDivList, rules::lists) = [](List x, List y, List out) {
  each(out, [&](size_t i, Out o) { at::div_out(o, x[i], y[i]); });
};
NPU_SIM_KERNEL(aclnnForeachDivScalar, rules::lists) = [](List x, In s, List out) {
  each(out, [&, v = s.item()](size_t i, Out o) { at::div_out(o, x[i], operand(v)); });
};
NPU_SIM_KERNEL(aclnnForeachDivScalarV2, rules::lists) = [](List x, Num s, List out) {
  each(out, [&](size_t i, Out o) { at::div_out(o, x[i], operand(s)); });
};
NPU_SIM_KERNEL(aclnnForeachDivScalarList, rules::lists) = [](List x, Scalars s, List out) {
  each(out, [&](size_t i, Out o) { at::div_out(o, x[i], operand(s[i])); });
};
NPU_SIM_KERNEL(aclnnForeachMaximumList, rules::lists) = [](List x, List y, List out) {
  each(out, [&](size_t i, Out o) { at::maximum_out(o, x[i], y[i]); });
};
NPU_SIM_KERNEL(aclnnForeachMaximumScalar, rules::lists) = [](List x, In s, List out) {
  each(out, [&, v = s.item()](size_t i, Out o) { at::maximum_out(o, x[i], operand(v)); });
};
NPU_SIM_KERNEL(aclnnForeachMaximumScalarV2, rules::lists) = [](List x, Num s, List out) {
  each(out, [&](size_t i, Out o) { at::maximum_out(o, x[i], operand(s)); });
};
NPU_SIM_KERNEL(aclnnForeachMaximumScalarList, rules::lists) = [](List x, Scalars s, List out) {
  each(out, [&](size_t i, Out o) { at::maximum_out(o, x[i], operand(s[i])); });
};
NPU_SIM_KERNEL(aclnnForeachMinimumList, rules::lists) = [](List x, List y, List out) {
  each(out, [&](size_t i, Out o) { at::minimum_out(o, x[i], y[i]); });
};
NPU_SIM_KERNEL(aclnnForeachMinimumScalar, rules::lists) = [](List x, In s, List out) {
  each(out, [&, v = s.item()](size_t i, Out o) { at::minimum_out(o, x[i], operand(v)); });
};
NPU_SIM_KERNEL(aclnnForeachMinimumScalarV2, rules::lists) = [](List x, Num s, List out) {
  each(out, [&](size_t i, Out o) { at::minimum_out(o, x[i], operand(s)); });
};
NPU_SIM_KERNEL(aclnnForeachMinimumScalarList, rules::lists) = [](List x, Scalars s, List out) {
  each(out, [&](size_t i, Out o) { at::minimum_out(o, x[i], operand(s[i])); });
};
NPU_SIM_KERNEL(aclnnForeachPowList, rules::lists) = [](List x, List y, List out) {
  each(out, [&](size_t i, Out o) { at::pow_out(o, x[i], y[i]); });
};
NPU_SIM_KERNEL(aclnnForeachPowScalar, rules::lists) = [](List x, In s, List out) {
  each(out, [&, v = s.item()](size_t i, Out o) { at::pow_out(o, x[i], operand(v)); });
};
NPU_SIM_KERNEL(aclnnForeachPowScalarV2, rules::lists) = [](List x, Num s, List out) {
  each(out, [&](size_t i, Out o) { at::pow_out(o, x[i], operand(s)); });
};
NPU_SIM_KERNEL(aclnnForeachPowScalarList, rules::lists) = [](List x, Scalars s, List out) {
  each(out, [&](size_t i, Out o) { at::pow_out(o, x[i], operand(s[i])); });
};

NPU_SIM_KERNEL(aclnnForeachAddcmulScalar, rules::lists) = [](List x, List y, List z, In s, List out) {
  each(out, [&, v = s.item()](size_t i, Out o) { at::addcmul_out(o, x[i], y[i], z[i], v); });
};
NPU_SIM_KERNEL(aclnnForeachAddcmulScalarV2, rules::lists) = [](List x, List y, List z, Num s, List out) {
  each(out, [&](size_t i, Out o) { at::addcmul_out(o, x[i], y[i], z[i], s); });
};
NPU_SIM_KERNEL(aclnnForeachAddcmulScalarList, rules::lists) = [](List x, List y, List z, In s, List out) {
  each(out,
       [&](size_t i, Out o) { at::addcmul_out(o, x[i], y[i], z[i], s[static_cast<int64_t>(i)].item()); });
};
NPU_SIM_KERNEL(aclnnForeachAddcdivScalar, rules::lists) = [](List x, List y, List z, In s, List out) {
  each(out, [&, v = s.item()](size_t i, Out o) { at::addcdiv_out(o, x[i], y[i], z[i], v); });
};
NPU_SIM_KERNEL(aclnnForeachAddcdivScalarV2, rules::lists) = [](List x, List y, List z, Num s, List out) {
  each(out, [&](size_t i, Out o) { at::addcdiv_out(o, x[i], y[i], z[i], s); });
};
NPU_SIM_KERNEL(aclnnForeachAddcdivScalarList, rules::lists) = [](List x, List y, List z, In s, List out) {
  each(out,
       [&](size_t i, Out o) { at::addcdiv_out(o, x[i], y[i], z[i], s[static_cast<int64_t>(i)].item()); });
};
NPU_SIM_KERNEL(aclnnForeachLerpList, rules::lists) = [](List x, List y, List w, List out) {
  each(out, [&](size_t i, Out o) { at::lerp_out(o, x[i], y[i], w[i]); });
};
NPU_SIM_KERNEL(aclnnForeachLerpScalar, rules::lists) = [](List x, List y, Num w, List out) {
  each(out, [&](size_t i, Out o) { at::lerp_out(o, x[i], y[i], w); });
};
NPU_SIM_KERNEL(aclnnForeachPowScalarAndTensor, rules::lists) = [](Num s, List x, List out) {
  each(out, [&](size_t i, Out o) { at::pow_out(o, s, x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachCopy, rules::lists) = [](List x, List out) {
  each(out, [&](size_t i, Out o) { o.copy_(x[i]); });
};
NPU_SIM_KERNEL(aclnnForeachZeroInplace, rules::lists) = [](List x) {
  each(x, [](size_t, Out o) { o.zero_(); });
};
NPU_SIM_KERNEL(aclnnForeachNorm, rules::list_norms) = [](List x, Num p, List out) {
  each(out, [&](size_t i, Out o) { o.copy_(at::linalg_vector_norm(x[i], p).reshape(o.sizes())); });
};
// Gradients are scaled where they are; foundInf becomes 1 if any of them is not finite, and is kept
// otherwise.
NPU_SIM_KERNEL(aclnnForeachNonFiniteCheckAndUnscale, rules::unscale) = [](List grads, In found_inf,
                                                                          In scale) {
  each(grads, [&](size_t, Out g) {
    if (!at::isfinite(g).all().item<bool>()) found_inf.fill_(1);
    g.mul_(scale.to(g.scalar_type()));
  });
};

}  // namespace npu_sim::ops
