// SPDX-License-Identifier: BSD-3-Clause
#include "otherwise.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/all.h>
#include <ATen/ops/any.h>
#include <ATen/ops/div.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/triu.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/where.h>

#include <complex>
#include <limits>
#include <numbers>

#include "moduli.h"

namespace npu::ops::otherwise {

bool copied(Call& k, In self) {
  if (!c10::isIntegralType(self.scalar_type(), /*includeBool=*/false)) return false;
  device_copy(k.out(0, 0), self);
  return true;
}

bool never(Call& k, In self) {
  if (!c10::isIntegralType(self.scalar_type(), /*includeBool=*/true)) return false;
  k.out(0, 0, at::kBool).zero_();
  return true;
}

namespace {

// Runs `f` on the output if `t` is complex.
template <class F>
bool of_complex(Call& k, In t, F f) {
  if (!t.is_complex()) return false;
  at::Tensor out = k.out(0, 0, k.dtype(0));
  f(out);
  return true;
}

}  // namespace

bool logical_not(Call& k, In self) {
  return of_complex(k, self, [&](at::Tensor& out) { at::eq_out(out, self, 0); });
}
bool all(Call& k, In self) {
  return of_complex(k, self, [&](at::Tensor& out) { at::all_out(out, self.ne(0)); });
}
bool all(Call& k, In self, int64_t dim, bool keepdim) {
  return of_complex(k, self, [&](at::Tensor& out) { at::all_out(out, self.ne(0), dim, keepdim); });
}
bool any(Call& k, In self) {
  return of_complex(k, self, [&](at::Tensor& out) { at::any_out(out, self.ne(0)); });
}
bool any(Call& k, In self, int64_t dim, bool keepdim) {
  return of_complex(k, self, [&](at::Tensor& out) { at::any_out(out, self.ne(0), dim, keepdim); });
}

bool addcmul(Call& k, In self, In a, In b, Number value) {
  if (self.scalar_type() == at::kBool && a.scalar_type() == at::kBool && b.scalar_type() == at::kBool)
    return false;
  at::Tensor out = k.out(0, 0);
  at::add_out(out, self, at::mul(a, b), value);
  return true;
}
bool addcdiv(Call& k, In self, In a, In b, Number value) {
  at::Tensor out = k.out(0, 0);
  at::add_out(out, self, at::div(a, b), value);
  return true;
}
// From the end that is nearer, which a weight of 0 or 1 then reaches even if the difference is rounded.
bool lerp(Call& k, In self, In end, In weight) {
  if (c10::isIntegralType(self.scalar_type(), /*includeBool=*/true)) return false;
  const at::Tensor near = at::lt(at::abs(weight), 0.5), from = at::where(near, self, end);
  const at::Tensor part = at::where(near, weight, at::sub(weight, 1));
  at::Tensor out = k.out(0, 0);
  at::add_out(out, from, at::mul(at::sub(end, self), part));
  return true;
}
bool lerp(Call& k, In self, In end, Number weight) {
  if (c10::isIntegralType(self.scalar_type(), /*includeBool=*/true)) return false;
  const auto number = weight.toComplexDouble();
  const bool near = std::norm(number) < 0.25;
  const c10::Scalar beyond = weight.isComplex() ? c10::Scalar(number - 1.0) : c10::Scalar(number.real() - 1);
  at::Tensor out = k.out(0, 0);
  at::add_out(out, near ? self : end, at::mul(at::sub(end, self), near ? weight : beyond));
  return true;
}

bool exp2(Call& k, In self) {
  return of_complex(k, self, [&](at::Tensor& out) { at::exp_out(out, at::mul(self, std::numbers::ln2)); });
}
bool sigmoid(Call& k, In self) {
  return of_complex(k, self, [&](at::Tensor& out) { at::reciprocal_out(out, at::neg(self).exp_().add_(1)); });
}
bool silu(Call& k, In self) {
  return of_complex(k, self, [&](at::Tensor& out) { at::div_out(out, self, at::neg(self).exp_().add_(1)); });
}

bool fill(Call& k, In self, In value) {
  if (!self.is_complex()) return false;
  device_copy(k.out(0, 0), k.as(value, self.scalar_type(), 0).expand(self.sizes()));
  return true;
}

bool norm(Call& k, In self, const std::optional<c10::Scalar>& p, Ints dim, bool keepdim,
          std::optional<c10::ScalarType> dtype) {
  return of_complex(k, self, [&](at::Tensor& out) {
    at::norm_out(out, at::abs(dtype ? self.to(*dtype) : self), p, dim, keepdim);
  });
}

bool abs(Call& k, In self) {
  return of_complex(k, self, [&](at::Tensor& out) {
    // Infinite if a part is, even if the other is NaN.
    const at::Tensor parts = at::abs(at::view_as_real(self));
    const double infinity = std::numeric_limits<double>::infinity();
    moduli(parts, out);
    out.masked_fill_(at::eq(parts, infinity).any(-1), infinity);
  });
}

// Integers from float64, as the CPU has them.
bool linspace(Call& k, Number start, Number end, int64_t steps) {
  const at::Tensor& out = k.out(0, 0);
  const auto dtype = out.scalar_type();
  auto line = [&](c10::ScalarType of, double from, double to) {
    at::Tensor t = empty({steps}, of);
    return at::linspace_out(t, from, to, steps);
  };
  if (out.is_complex()) {
    const auto parts = at::view_as_real(out);
    const auto from = start.toComplexDouble(), to = end.toComplexDouble();
    device_copy(parts.select(-1, 0), line(parts.scalar_type(), from.real(), to.real()));
    device_copy(parts.select(-1, 1), line(parts.scalar_type(), from.imag(), to.imag()));
  } else if (dtype == at::kLong) {
    device_copy(out,
                line(at::kDouble, static_cast<double>(start.toLong()), static_cast<double>(end.toLong())));
  } else {
    return false;
  }
  return true;
}

bool eye(Call& k, int64_t, int64_t) {
  at::Tensor out = k.out(0, 0);
  if (!out.is_complex()) return false;
  out.zero_().diagonal().fill_(1);
  return true;
}

bool index_add(Call& k, In self, int64_t dim, In index, In source, Number alpha) {
  if (!self.is_complex() || self.dim() == 0 || source.dim() == 0) return false;
  const at::Tensor added = alpha.isComplex() ? at::mul(source, alpha) : source;
  at::Tensor out = at::view_as_real(k.out(0, 0));
  at::index_add_out(out, at::view_as_real(self), wrap_dim(dim, self), index, at::view_as_real(added),
                    alpha.isComplex() ? c10::Scalar(1) : alpha);
  return true;
}

bool index_fill(Call& k, In self, int64_t dim, In index, Number value) {
  if (!self.is_complex() || self.dim() == 0) return false;
  const at::Tensor parts = at::view_as_real(k.out(0, 0));
  const auto number = value.toComplexDouble();
  parts.select(-1, 0).index_fill_(wrap_dim(dim, self), index, number.real());
  parts.select(-1, 1).index_fill_(wrap_dim(dim, self), index, number.imag());
  return true;
}

namespace {

// Real and imaginary parts one after the other.
template <class F>
bool by_parts(Call& k, In self, F f) {
  return of_complex(k, self, [&](const at::Tensor& out) {
    const at::Tensor from = at::view_as_real(self), to = at::view_as_real(out);
    for (const int64_t part : {0, 1}) {
      at::Tensor written = to.select(-1, part);
      f(written, from.select(-1, part));
    }
  });
}

}  // namespace

bool tril(Call& k, In self, int64_t diagonal) {
  return by_parts(k, self, [&](at::Tensor& out, In part) { at::tril_out(out, part, diagonal); });
}
bool triu(Call& k, In self, int64_t diagonal) {
  return by_parts(k, self, [&](at::Tensor& out, In part) { at::triu_out(out, part, diagonal); });
}

// Numbers of 64 bits are moved as integers.
bool roll(Call& k, In self, Ints shifts, Ints dims) {
  const bool wide = self.scalar_type() == at::kDouble;
  if (!wide && self.scalar_type() != at::kComplexDouble) return false;
  auto bits = [&](In t) { return (wide ? t : at::view_as_real(t)).view(at::kLong); };
  const at::Tensor& out = k.out(0, 0);
  if (dims.empty())
    device_copy(bits(out), at::roll(bits(self.reshape({-1})), shifts, {0}).view(bits(out).sizes()));
  else
    device_copy(bits(out), at::roll(bits(self), shifts, listed_dims(dims, self)));
  return true;
}

}  // namespace npu::ops::otherwise
