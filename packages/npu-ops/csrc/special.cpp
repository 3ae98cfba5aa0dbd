// SPDX-License-Identifier: BSD-3-Clause
// Special functions that CANN lacks, out of tables (special_table.h) and what CANN has. They are computed in
// float32; tensors longer than a piece are done piece by piece, so that what is needed on the way stays
// small.
#include <ATen/TensorOperators.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/acos.h>
#include <ATen/ops/add.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/digamma_meta.h>
#include <ATen/ops/div.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/i0_meta.h>
#include <ATen/ops/lgamma_meta.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/mvlgamma.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/polygamma_meta.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/round.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/special_airy_ai_meta.h>
#include <ATen/ops/special_bessel_j0_meta.h>
#include <ATen/ops/special_bessel_j1_meta.h>
#include <ATen/ops/special_bessel_y0_meta.h>
#include <ATen/ops/special_bessel_y1_meta.h>
#include <ATen/ops/special_chebyshev_polynomial_t_meta.h>
#include <ATen/ops/special_erfcx_meta.h>
#include <ATen/ops/special_i0e_meta.h>
#include <ATen/ops/special_i1_meta.h>
#include <ATen/ops/special_i1e_meta.h>
#include <ATen/ops/special_log_ndtr_meta.h>
#include <ATen/ops/special_modified_bessel_i0_meta.h>
#include <ATen/ops/special_modified_bessel_i1_meta.h>
#include <ATen/ops/special_modified_bessel_k0_meta.h>
#include <ATen/ops/special_modified_bessel_k1_meta.h>
#include <ATen/ops/special_ndtri_meta.h>
#include <ATen/ops/special_scaled_modified_bessel_k0_meta.h>
#include <ATen/ops/special_scaled_modified_bessel_k1_meta.h>
#include <ATen/ops/special_shifted_chebyshev_polynomial_t_meta.h>
#include <ATen/ops/special_spherical_bessel_j0_meta.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/trunc.h>
#include <ATen/ops/where.h>
#include <c10/util/MathConstants.h>

#include <limits>
#include <numbers>

#include "aclnn_ops.h"
#include "kernel.h"
#include "soc.h"
#include "special_values.h"
#include "structured.h"

namespace npu::ops {
namespace {

constexpr DtypeSet kComputed = dtypes("fhb");
constexpr int64_t kPiece = int64_t{1} << 20;
// The most that polygamma's table holds to float32's precision.
constexpr int64_t kMostDerivatives = 6;
constexpr const char* kLacks = "shifts no bits";

using In = const at::Tensor&;  // float32 [n]
using Out = at::Tensor&;       // the same, and maybe the same memory: written last

template <class F>
void in_pieces(const at::Tensor& self, const at::Tensor& out, F f) {
  at::Tensor x = dense(cast(self, at::kFloat)).view({-1});
  const bool straight = out.scalar_type() == at::kFloat && out.is_contiguous();
  at::Tensor y = straight ? out.view({-1}) : empty(x.sizes(), at::kFloat);
  for (int64_t from = 0; from < x.numel(); from += kPiece) {
    const int64_t to = std::min(from + kPiece, x.numel());
    at::Tensor part = y.slice(0, from, to);
    f(x.slice(0, from, to), part);
  }
  if (!straight) device_copy(out, y.view(out.sizes()));
}

// An operator by PyTorch's meta and a function of a vector.
template <KernelName Name, class M, auto F>
struct special {
  using Meta = M;
  static constexpr const char* name = Name.text;
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  static void shape(Outputs<M, 1>& m, const at::Tensor& self) { m.meta(self); }
  static void run(Call& k, const at::Tensor& self) {
    at::Tensor x = k.in(self, kComputed);
    check_soc(name, kLacks);
    in_pieces(x, k.out(0, kComputed), F);
  }
  static at::Tensor& out(const at::Tensor& self, at::Tensor& result) {
    return std::get<0>(run_out<special>(std::tie(result), self));
  }
};

template <const Tabled& T>
void tabled(In x, Out out) {
  series(T, x, 0, out);
}

// Infinite where e^|x| is, as the CPU's: that is three numbers earlier than the product.
template <const Tabled& T>
void growing(In x, Out out) {
  at::mul_out(out, series(T, x)[0], at::abs(x).exp_());
}

// A few numbers, as of windows, cost launches and nothing else: so they take 3 instead of 10.
void i0(In x, Out out) {
  constexpr int64_t kFew = 1024;
  x.numel() <= kFew ? summed(kI0, x, out) : growing<kI0e>(x, out);
}

template <const Tabled& T>
void decaying(In x, Out out) {
  at::mul_out(out, series(T, x)[0], at::neg(x).exp_());
}

template <const Tabled& T>
void turning(In x, Out out) {
  at::Tensor a = series(T, x);
  at::addcmul_out(out, a[0].mul_(at::cos(x)), a[1], at::sin(x));
}

void airy_ai(In x, Out out) {
  at::Tensor z = at::abs(x).pow_(1.5).mul_(-2.0 / 3), a = series(kAiry, x);
  at::Tensor left = at::mul(a[0], at::cos(z)).addcmul_(a[1], at::sin(z));
  at::Tensor right = at::gt(x, 0);
  at::where_out(out, right, z.exp_().mul_(a[0]), left);
}

void spherical_j0(In x, Out out) {
  constexpr double kMost = std::numeric_limits<float>::max();  // there 0, and at infinity
  at::Tensor bounded = at::clamp(x, -kMost, kMost), zero = at::eq(x, 0);
  at::div_out(out, at::sin(bounded), bounded);
  out.masked_fill_(zero, 1);
}

void erfcx(In x, Out out) {
  at::Tensor y = series(kErfcx, x)[0], power = at::mul(x, x).exp_();
  at::where_out(out, at::lt(y, 0), at::add(y, power, 2), y);
}

// Rounded where the CPU rounds: the gradient takes e to the power of what is left of the square.
void log_ndtr(In x, Out out) {
  at::Tensor y = series(kLogNdtr, x)[0], square = at::mul(x, std::numbers::sqrt2 / 2), below = at::lt(x, 0);
  square.mul_(square);
  at::Tensor left = at::sub(y, square);
  at::where_out(out, below, left, y.mul_(square.neg_().exp_()));
}

void ndtri(In x, Out out) {
  at::Tensor rest = empty(x.sizes(), at::kFloat);
  launch<aclnnRsubs>(x, c10::Scalar(1), c10::Scalar(1), rest);
  series(kNdtri, at::div(x, rest), 0, out);
}

// A function with poles at 0, -1, -2, ...
void reflected(const Tabled& tabled, int64_t order, In x, Out out) {
  at::Tensor places = empty({2, x.numel()}, at::kFloat), fraction = places[1];
  places[0].copy_(x);
  at::sub_out(fraction, x, at::round(x));
  at::Tensor y = each(tabled, places, order);
  at::add_out(out, y[0], y[1].masked_fill_(at::gt(x, -0.5), 0));
}

void lgamma(In x, Out out) { reflected(kLgamma, 0, x, out); }
void digamma(In x, Out out) { reflected(kPolygamma, 0, x, out); }

// Left of 1/2 with the sine of a rounded product, as torch has it on every device: poles are large numbers.
void trigamma(In x, Out out) {
  at::Tensor y = series(kTrigamma, x)[0], cosecant = at::mul(x, c10::pi<double>).sin_().reciprocal_();
  at::Tensor left = at::addcmul(y, cosecant, cosecant, c10::pi<double> * c10::pi<double>);
  at::where_out(out, at::lt(x, 0.5), left, y);
}

struct polygamma {
  using Meta = at::meta::structured_polygamma;
  static constexpr const char* name = "polygamma";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  static void shape(Outputs<Meta, 1>& m, int64_t n, const at::Tensor& self) { m.meta(n, self); }
  static void run(Call& k, int64_t n, const at::Tensor& self) {
    at::Tensor x = k.in(self, kComputed);
    check_soc(name, kLacks);
    if (n > kMostDerivatives)
      leave_to_cpu(c10::str("polygamma: n is at most ", kMostDerivatives, ", got ", n));
    in_pieces(x, k.out(0, kComputed),
              [&](In part, Out out) { n == 1 ? trigamma(part, out) : reflected(kPolygamma, n, part, out); });
  }
};
at::Tensor& polygamma_out(int64_t n, const at::Tensor& self, at::Tensor& out) {
  return std::get<0>(run_out<polygamma>(std::tie(out), n, self));
}

// T_n is cos(n acos x), and outside of [-1, 1] the mean of y^n and y^-n, where y = x + sign(x) sqrt(x^2 - 1).
// Shifted, it is that of 2 x - 1.
template <KernelName Name, class M, bool kShifted>
struct chebyshev_t {
  using Meta = M;
  static constexpr const char* name = Name.text;
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  static void shape(Outputs<M, 1>& m, const at::Tensor& x, const at::Tensor& n) { m.meta(x, n); }
  static void run(Call& k, const at::Tensor& given, const at::Tensor& degree) {
    at::Tensor x = k.in(given, dtypes("f")), n = k.in(degree, dtypes("f")), out = k.out(0, dtypes("f"));
    if (!c10::isIntegralType(degree.scalar_type(), true)) n = at::trunc(n);
    if (kShifted) x = at::mul(x, 2).sub_(1);
    at::Tensor none = at::lt(n, 0), square = at::mul(x, x), outside = at::gt(square, 1),
               sine = square.reciprocal_();
    launch<aclnnRsubs>(sine, c10::Scalar(1), c10::Scalar(1), sine);
    at::Tensor power = at::addcmul(x, x, sine.sqrt_()).pow(n);
    at::Tensor mean = power.reciprocal().add_(power).mul_(0.5);
    at::where_out(out, outside, mean, at::acos(x).mul(n).cos_());
    out.masked_fill_(none, 0);
  }
  static at::Tensor& result(const at::Tensor& x, const at::Tensor& n, at::Tensor& out) {
    return std::get<0>(run_out<chebyshev_t>(std::tie(out), x, n));
  }
};

at::Tensor& mvlgamma_out(const at::Tensor& self, int64_t p, at::Tensor& out) {
  at::Tensor result = at::mvlgamma(self, p);
  at::native::resize_output(out, result.sizes());
  return out.copy_(result);
}

namespace meta = at::meta;

}  // namespace

// The generator looks for `impl<"` and what follows.
// clang-format off
TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"special_i0e.out", special<"special_i0e", meta::structured_special_i0e, tabled<kI0e>>::out>(m);
  impl<"special_i1e.out", special<"special_i1e", meta::structured_special_i1e, tabled<kI1e>>::out>(m);
  impl<"special_scaled_modified_bessel_k0.out", special<"special_scaled_modified_bessel_k0", meta::structured_special_scaled_modified_bessel_k0, tabled<kK0e>>::out>(m);
  impl<"special_scaled_modified_bessel_k1.out", special<"special_scaled_modified_bessel_k1", meta::structured_special_scaled_modified_bessel_k1, tabled<kK1e>>::out>(m);
  impl<"i0.out", special<"i0", meta::structured_i0, i0>::out>(m);
  impl<"special_i1.out", special<"special_i1", meta::structured_special_i1, growing<kI1e>>::out>(m);
  impl<"special_modified_bessel_i0.out", special<"special_modified_bessel_i0", meta::structured_special_modified_bessel_i0, i0>::out>(m);
  impl<"special_modified_bessel_i1.out", special<"special_modified_bessel_i1", meta::structured_special_modified_bessel_i1, growing<kI1e>>::out>(m);
  impl<"special_modified_bessel_k0.out", special<"special_modified_bessel_k0", meta::structured_special_modified_bessel_k0, decaying<kK0e>>::out>(m);
  impl<"special_modified_bessel_k1.out", special<"special_modified_bessel_k1", meta::structured_special_modified_bessel_k1, decaying<kK1e>>::out>(m);
  impl<"special_bessel_j0.out", special<"special_bessel_j0", meta::structured_special_bessel_j0, turning<kJ0>>::out>(m);
  impl<"special_bessel_j1.out", special<"special_bessel_j1", meta::structured_special_bessel_j1, turning<kJ1>>::out>(m);
  impl<"special_bessel_y0.out", special<"special_bessel_y0", meta::structured_special_bessel_y0, turning<kY0>>::out>(m);
  impl<"special_bessel_y1.out", special<"special_bessel_y1", meta::structured_special_bessel_y1, turning<kY1>>::out>(m);
  impl<"special_airy_ai.out", special<"special_airy_ai", meta::structured_special_airy_ai, airy_ai>::out>(m);
  impl<"special_spherical_bessel_j0.out", special<"special_spherical_bessel_j0", meta::structured_special_spherical_bessel_j0, spherical_j0>::out>(m);
  impl<"special_erfcx.out", special<"special_erfcx", meta::structured_special_erfcx, erfcx>::out>(m);
  impl<"special_log_ndtr.out", special<"special_log_ndtr", meta::structured_special_log_ndtr, log_ndtr>::out>(m);
  impl<"special_ndtri.out", special<"special_ndtri", meta::structured_special_ndtri, ndtri>::out>(m);
  impl<"lgamma.out", special<"lgamma", meta::structured_lgamma, lgamma>::out>(m);
  impl<"digamma.out", special<"digamma", meta::structured_digamma, digamma>::out>(m);
  impl<"polygamma.out", polygamma_out>(m);
  impl<"special_chebyshev_polynomial_t.out", chebyshev_t<"special_chebyshev_polynomial_t", meta::structured_special_chebyshev_polynomial_t, false>::result>(m);
  impl<"special_shifted_chebyshev_polynomial_t.out", chebyshev_t<"special_shifted_chebyshev_polynomial_t", meta::structured_special_shifted_chebyshev_polynomial_t, true>::result>(m);
  impl<"mvlgamma.out", mvlgamma_out, Overlap::part>(m);
}
// clang-format on

}  // namespace npu::ops
