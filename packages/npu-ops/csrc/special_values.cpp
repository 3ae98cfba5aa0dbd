// SPDX-License-Identifier: BSD-3-Clause
#include "special_values.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/lgamma.h>
#include <ATen/ops/log.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/polygamma.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/special_airy_ai.h>
#include <ATen/ops/special_bessel_j0.h>
#include <ATen/ops/special_bessel_j1.h>
#include <ATen/ops/special_bessel_y0.h>
#include <ATen/ops/special_bessel_y1.h>
#include <ATen/ops/special_erfcx.h>
#include <ATen/ops/special_i0e.h>
#include <ATen/ops/special_i1e.h>
#include <ATen/ops/special_log_ndtr.h>
#include <ATen/ops/special_ndtri.h>
#include <ATen/ops/special_scaled_modified_bessel_k0.h>
#include <ATen/ops/special_scaled_modified_bessel_k1.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/MathConstants.h>

#include <cmath>
#include <limits>

namespace npu::ops {
namespace {

using Values = std::vector<at::Tensor>;
using Function = at::Tensor (*)(const at::Tensor&);

template <Function F>
Values itself(const Points& p, int64_t) {
  return {F(p.x)};
}

// J and Y are M cos(x - t) and M sin(x - t), with M and t that do not oscillate. F is one of them, G the one
// that is a quarter of a turn behind. Below 1, where Y has a pole, F does not oscillate either.
template <Function F, Function G, int kSign, int kNegative>
Values turning(const Points& p, int64_t) {
  at::Tensor x = at::abs(p.x), c = at::cos(x), s = at::sin(x), f = F(x), g = G(x) * kSign;
  at::Tensor small = at::abs(p.inside) < 1, below = p.inside < 0;
  at::Tensor a = at::where(small, f * c, f * c + g * s);
  at::Tensor b = at::where(small, at::where(x == 0, 0.0, f * s), f * s - g * c);
  if (kNegative == 0) return {at::where(below, F(p.x), a), at::where(below, 0.0, b)};
  return {at::where(below, a * kNegative, a), at::where(below, b * -kNegative, b)};
}

// The sum of a power series of t whose terms have the ratio t / (a(k) b(k)), from its term 1 at k = 0.
template <class F>
at::Tensor summed(const at::Tensor& t, F ratio, int terms) {
  at::Tensor term = at::ones_like(t), sum = term.clone();
  for (int k = 0; k < terms; ++k) sum += term *= t * ratio(k);
  return sum;
}

// Ai, by the solutions of y'' = x y around 0, and beyond 8 by the asymptotic series of P and Q in
// Ai(-x) = (P cos(z - pi/4) + Q sin(z - pi/4)) / (sqrt(pi) x^(1/4)).
Values airy(const Points& p, int64_t) {
  const double root_pi = std::sqrt(c10::pi<double>), third = 1.0 / 3;
  at::Tensor size = at::abs(p.x), near = size.clamp_max(8), far = size.clamp_min(8).clamp_max(1e30);
  at::Tensor positive = p.inside > 0, is_near = at::abs(p.inside) < 8;
  auto phase = [](const at::Tensor& x) { return at::pow(x, 1.5) * (2.0 / 3); };

  at::Tensor z = phase(far), term = at::ones_like(z);
  at::Tensor even = at::zeros_like(z), odd = at::zeros_like(z), decay = at::zeros_like(z);
  for (int k = 0; k < 10; ++k) {  // 1, u1 / z, u2 / z^2, ...
    (k % 2 ? odd : even).add_(term, k % 4 < 2 ? 1 : -1);
    decay.add_(term, k % 2 ? -1 : 1);
    const double n = k + 1;
    term = term * ((6 * n - 5) * (6 * n - 3) * (6 * n - 1) / (216 * n * (2 * n - 1))) / z;
  }
  at::Tensor amplitude = at::pow(far, -0.25) / root_pi;

  at::Tensor cube = near * near * -near, y = phase(near) - c10::pi<double> / 4;
  at::Tensor f = summed(
      cube, [](int k) { return 1.0 / ((3 * k + 2) * (3 * k + 3)); }, 40);
  at::Tensor g = summed(
                     cube, [](int k) { return 1.0 / ((3 * k + 3) * (3 * k + 4)); }, 40) *
                 -near;
  const double c1 = std::pow(3, -2 * third) / std::tgamma(2 * third),
               c2 = std::pow(3, -third) / std::tgamma(third);
  at::Tensor ai = f * c1 - g * c2, bi = (f * c1 + g * c2) * std::sqrt(3.0);
  at::Tensor pp = at::where(is_near, at::cos(y) * ai - at::sin(y) * bi, amplitude * even);
  at::Tensor qq = at::where(is_near, at::sin(y) * ai + at::cos(y) * bi, amplitude * odd);

  at::Tensor right =
      at::where(is_near, at::special_airy_ai(near) * at::exp(phase(near)),
                at::where(at::isfinite(size), amplitude * decay * 0.5, at::special_airy_ai(p.x)));
  // On the device z has the other sign.
  return {at::where(positive, right, (pp - qq) * std::sqrt(0.5)),
          at::where(positive, 0.0, (pp + qq) * -std::sqrt(0.5))};
}

Values erfcx(const Points& p, int64_t) {
  at::Tensor y = at::special_erfcx(at::abs(p.x));
  // Far left the exponential is all, and what is added to it only has to keep its sign.
  return {at::where(p.inside < 0, -y.clamp_min(0.01), y)};
}

Values log_ndtr(const Points& p, int64_t) {
  at::Tensor tail = at::special_erfcx(at::abs(p.x) * std::sqrt(0.5)) * 0.5;
  at::Tensor some = p.x.clamp(-9, 9);
  at::Tensor right = at::where(p.inside > 8, -tail, at::special_log_ndtr(some) * at::exp(some * some * 0.5));
  return {at::where(p.inside < 0, at::log(tail), right)};
}

Values ndtri(const Points& p, int64_t) {
  at::Tensor lower = at::special_ndtri(p.x / (p.x + 1)), upper = -at::special_ndtri(1 / (p.x + 1));
  return {at::where(p.inside < 1, lower, upper)};
}

// F(x) = s F(1 - x) + H(x), where H has period 1: what F has at -1, at its other poles too. NaN is one: what
// is left of minus infinity.
template <class F>
Values reflected(const Points& p, F f, double s) {
  constexpr double kWhole = 1 << 24;  // a float32 below it has no fraction: H has its pole, and T is not read
  at::Tensor mirrored = f(1 - p.x) * s;
  at::Tensor t = at::where(p.inside < -0.5, at::where(p.inside < -kWhole, 0.0, mirrored), f(p.x));
  at::Tensor pole = f(at::full_like(p.x, -1));
  return {t, at::where((p.x == 0).logical_or_(p.x != p.x), pole, f(p.x) - mirrored)};
}

Values lgamma(const Points& p, int64_t) {
  return reflected(
      p, [](const at::Tensor& x) { return at::lgamma(x); }, -1);
}

Values polygamma(const Points& p, int64_t order) {
  return reflected(
      p, [&](const at::Tensor& x) { return at::polygamma(order, x); }, order % 2 ? -1 : 1);
}

// Terms (x / 2)^(2 k) / k!^2, where x is 64 times what is raised to powers. Those left out are below 1e-10 of
// the sum.
std::vector<double> bessel_i0() {
  constexpr int kTerms = 80;
  std::vector<double> terms = {1};
  for (int k = 1; k < kTerms; ++k) terms.push_back(terms.back() * (32.0 / k) * (32.0 / k));
  return terms;
}

Values trigamma(const Points& p, int64_t) {
  return {at::where(p.inside < 0.5, -at::polygamma(1, 1 - p.x), at::polygamma(1, p.x))};
}

}  // namespace

constexpr int kFine = 5, kFiner = 6;

const Series kI0{64, bessel_i0};
const Tabled kI0e{kFine, itself<at::special_i0e>}, kI1e{kFine, itself<at::special_i1e>};
const Tabled kK0e{kFine, itself<at::special_scaled_modified_bessel_k0>},
    kK1e{kFine, itself<at::special_scaled_modified_bessel_k1>};
const Tabled kJ0{kFine, turning<at::special_bessel_j0, at::special_bessel_y0, 1, 1>},
    kJ1{kFine, turning<at::special_bessel_j1, at::special_bessel_y1, 1, -1>},
    kY0{kFine, turning<at::special_bessel_y0, at::special_bessel_j0, -1, 0>},
    kY1{kFine, turning<at::special_bessel_y1, at::special_bessel_j1, -1, 0>};
const Tabled kAiry{kFine, airy}, kErfcx{kFine, erfcx}, kLogNdtr{kFine, log_ndtr}, kNdtri{kFine, ndtri};
const Tabled kLgamma{kFine, lgamma}, kPolygamma{kFiner, polygamma}, kTrigamma{kFiner, trigamma};

}  // namespace npu::ops
