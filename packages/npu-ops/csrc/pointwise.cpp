// SPDX-License-Identifier: BSD-3-Clause
// Elementwise operators that CANN lacks and that are a few of those it has. PyTorch makes the functional and
// in-place forms of these of the `out` form, so `out` may be an operand: what is needed of one is taken
// before `out` is written.
#include <ATen/ScalarOps.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/copysign_meta.h>
#include <ATen/ops/div.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/fmax_meta.h>
#include <ATen/ops/fmin_meta.h>
#include <ATen/ops/gcd.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/heaviside_meta.h>
#include <ATen/ops/hypot_meta.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/lcm_meta.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/sgn_meta.h>
#include <ATen/ops/sign_meta.h>
#include <ATen/ops/signbit.h>
#include <ATen/ops/special_entr_meta.h>
#include <ATen/ops/special_xlog1py_meta.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/where.h>
#include <ATen/ops/xlogy.h>

#include <limits>

#include "aclnn_ops.h"
#include "kernel.h"
#include "structured.h"

namespace npu::ops {
namespace {

// An operator by PyTorch's meta and a function of operands in the dtype that it computes in.
template <KernelName Name, class M, auto F>
struct composed {
  using Meta = M;
  static constexpr const char* name = Name.text;
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  template <class... A>
  static void shape(Outputs<M, 1>& m, const A&... a) {
    m.meta(a...);
  }
  template <class... A>
  static void run(Call& k, const A&... a) {
    at::Tensor out = k.out(0, 0);
    F(k.in(a, 0)..., out);
  }
};

template <class Op>
at::Tensor& one(const at::Tensor& a, at::Tensor& out) {
  return std::get<0>(run_out<Op>(std::tie(out), a));
}
template <class Op>
at::Tensor& two(const at::Tensor& a, const at::Tensor& b, at::Tensor& out) {
  return std::get<0>(run_out<Op>(std::tie(out), a, b));
}

using In = const at::Tensor&;
using Out = at::Tensor&;

// NaN is missing data: the other operand is the answer.
template <auto F>
void ignoring_nan(In a, In b, Out out) {
  if (!a.is_floating_point()) return static_cast<void>(F(out, a, b));
  F(out, at::where(at::isnan(a), b, a), at::where(at::isnan(b), a, b));
}

at::Tensor& larger(Out out, In a, In b) { return at::maximum_out(out, a, b); }
at::Tensor& smaller(Out out, In a, In b) { return at::minimum_out(out, a, b); }

void copysign(In a, In b, Out out) {
  at::Tensor size = at::abs(a);
  at::where_out(out, at::signbit(b), at::neg(size), size);
}

void heaviside(In a, In b, Out out) {
  at::where_out(out, at::eq(a, 0), b, at::gt(a, 0).to(out.scalar_type()));
}

// The longer side times the root of 1 + ratio^2, which neither overflows nor vanishes where the result does
// not.
void hypot_of(In a, In b, Out out) {
  at::Tensor x = at::abs(a), y = at::abs(b);
  at::Tensor longer = at::maximum(x, y), shorter = at::minimum(x, y);
  // 0 / 0, and inf / inf
  at::Tensor extreme =
      at::logical_or(at::eq(longer, 0), at::eq(longer, std::numeric_limits<double>::infinity()));
  at::Tensor ratio = shorter.div_(longer);
  at::mul_out(out, ratio.mul_(ratio).add_(1).sqrt_(), longer);
  at::where_out(out, extreme, longer, out);
}

// Halves are rounded once, at the end.
void hypot(In a, In b, Out out) {
  if (!at::isReducedFloatingType(a.scalar_type())) return hypot_of(a, b, out);
  at::Tensor wide = empty(out.sizes(), at::kFloat);
  hypot_of(cast(a, at::kFloat), cast(b, at::kFloat), wide);
  device_copy(out, wide);
}

void lcm(In a, In b, Out out) {
  at::Tensor divisor = at::gcd(a, b);
  at::Tensor none = at::eq(divisor, 0);  // both are 0
  at::Tensor part = at::div(a, divisor.masked_fill_(none, 1), "trunc");
  at::abs_out(out, part.mul_(b));
}

void xlog1py(In x, In y, Out out) {
  at::Tensor nothing = at::logical_and(at::eq(x, 0), at::eq(y, y));
  at::mul_out(out, x, at::log1p(y));
  out.masked_fill_(nothing, 0);
}

void entr(In x, Out out) {
  at::Tensor outside = at::lt(x, 0);
  at::neg_out(out, at::xlogy(x, x));
  out.masked_fill_(outside, -std::numeric_limits<double>::infinity());
}

// The sign of real numbers; complex ones on the unit circle.
void signs(In x, Out out) {
  if (x.is_complex()) {
    at::Tensor size = at::abs(x);
    size.masked_fill_(at::eq(size, 0), 1);
    at::Tensor parts = at::view_as_real(out);
    at::div_out(parts, at::view_as_real(x), size.unsqueeze(-1));
  } else if (x.scalar_type() == at::kBool) {
    out.copy_(x);
  } else if (constexpr DtypeSet signed_by_cann = dtypes("fhisb"); signed_by_cann & bit(x.scalar_type())) {
    launch<aclnnSign>(x, out);
  } else {
    at::Tensor below = at::lt(x, 0).to(x.scalar_type());
    at::sub_out(out, at::gt(x, 0).to(x.scalar_type()), below);
  }
}

at::Tensor& conj_physical_out(In self, Out out) {
  resize_out(out, self.sizes(), {}, self.options());
  if (!out.is_same(self)) out.copy_(self);
  if (self.is_complex() && self.numel()) at::view_as_real(out).select(-1, 1).neg_();
  return out;
}
at::Tensor& conj_physical_(Out self) { return ops::conj_physical_out(self, self); }

at::Tensor& nan_to_num_out(In self, std::optional<double> nan, std::optional<double> posinf,
                           std::optional<double> neginf, Out out) {
  c10::DeviceGuard guard(common_device("nan_to_num", false, self, out));
  resize_out(out, self.sizes(), {}, self.options());
  if (self.numel() == 0) return out;
  if (c10::isIntegralType(self.scalar_type(), true)) return out.copy_(self);
  check_dtype("nan_to_num", self, dtypes("hfb"));
  const double most = self.scalar_type() == at::kHalf ? double{std::numeric_limits<c10::Half>::max()}
                      : self.scalar_type() == at::kBFloat16
                          ? double{std::numeric_limits<c10::BFloat16>::max()}
                          : double{std::numeric_limits<float>::max()};
  launch<aclnnNanToNum>(self, nan.value_or(0), posinf.value_or(most), neginf.value_or(-most), out);
  return out;
}

at::Tensor right_shift(In self, const c10::Scalar& other) {
  return self.__rshift__(at::native::wrapped_scalar_tensor(other));
}
at::Tensor& right_shift_(Out self, const c10::Scalar& other) {
  return self.__irshift__(at::native::wrapped_scalar_tensor(other));
}

namespace meta = at::meta;

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"fmax.out", two<composed<"fmax", meta::structured_fmax, ignoring_nan<larger>>>>(m);
  impl<"fmin.out", two<composed<"fmin", meta::structured_fmin, ignoring_nan<smaller>>>>(m);
  impl<"copysign.out", two<composed<"copysign", meta::structured_copysign_Tensor, copysign>>>(m);
  impl<"heaviside.out", two<composed<"heaviside", meta::structured_heaviside, heaviside>>>(m);
  impl<"hypot.out", two<composed<"hypot", meta::structured_hypot, hypot>>>(m);
  impl<"lcm.out", two<composed<"lcm", meta::structured_lcm, lcm>>>(m);
  impl<"special_xlog1py.out", two<composed<"special_xlog1py", meta::structured_special_xlog1py, xlog1py>>>(m);
  impl<"special_entr.out", one<composed<"special_entr", meta::structured_special_entr, entr>>>(m);
  impl<"sign.out", one<composed<"sign", meta::structured_sign, signs>>>(m);
  impl<"sgn.out", one<composed<"sgn", meta::structured_sgn, signs>>>(m);
  impl<"conj_physical.out", conj_physical_out>(m);
  impl<"conj_physical_", conj_physical_, Overlap::unchecked>(m);
  impl<"nan_to_num.out", nan_to_num_out>(m);
  impl<"__rshift__.Scalar", right_shift>(m);
  impl<"__irshift__.Scalar", right_shift_>(m);
}

}  // namespace npu::ops
