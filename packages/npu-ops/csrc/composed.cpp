// SPDX-License-Identifier: BSD-3-Clause
// Operators that PyTorch composes of more launches, or of more roundings, than they need. These are made of
// differentiable operators as PyTorch's are, so they stand at the autograd key too, and derivatives of every
// kind come from their parts.
#include <ATen/core/Reduction.h>
#include <ATen/ops/cosine_embedding_loss_native.h>
#include <ATen/ops/instance_norm_native.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/poisson_nll_loss_native.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/where.h>
#include <c10/core/DefaultDtype.h>
#include <torch/library.h>

#include <algorithm>

#include "kernel.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;

// The three products of two vectors are one product of three pairs of vectors.
at::Tensor cosine_embedding_loss_npu(const at::Tensor& one, const at::Tensor& other, const at::Tensor& target,
                                     double margin, int64_t reduction) {
  const int64_t dims = target.dim();
  const bool plain = dims <= 1 && one.dim() == dims + 1 && one.sizes() == other.sizes() &&
                     one.scalar_type() == other.scalar_type() && !one.is_complex() &&
                     (dims == 0 || target.size(0) == one.size(0));
  if (!plain) return at::native::cosine_embedding_loss(one, other, target, margin, reduction);
  constexpr double eps = 1e-12;
  const bool whole = !at::isFloatingType(one.scalar_type());
  const at::Tensor x = whole ? one.to(at::kFloat) : one, y = whole ? other.to(at::kFloat) : other;
  const at::Tensor products = at::mul(at::stack({x, y, x}), at::stack({x, y, y})).sum(-1);
  const at::Tensor squares = products.narrow(0, 0, 2).add(eps);
  const at::Tensor cosine = products.select(0, 2).div(squares.select(0, 0).mul(squares.select(0, 1)).sqrt());
  at::Tensor loss = at::rsub(cosine, 1);
  if (target.scalar_type() == at::kBool)  // which is 1 or 0, never -1
    loss = loss.masked_fill(target.logical_not(), 0);
  else
    loss = at::where(target.eq(1), loss, cosine.sub(margin).clamp_min(0).masked_fill(target.ne(-1), 0));
  if (reduction == at::Reduction::Mean) return loss.mean();
  return reduction == at::Reduction::Sum ? loss.sum() : loss;
}

// Integers become floating-point numbers once.
at::Tensor poisson_nll_loss_npu(const at::Tensor& input, const at::Tensor& target, bool log_input, bool full,
                                double eps, int64_t reduction) {
  auto real = [](const at::Tensor& t) {
    const bool whole = at::isIntegralType(t.scalar_type(), /*includeBool=*/false);
    return whole ? t.to(c10::get_default_dtype_as_scalartype()) : t;
  };
  return at::native::poisson_nll_loss(real(input), real(target), log_input, full, eps, reduction);
}

// Complex numbers times or over real ones, without making those complex.
template <class F>
at::Tensor of_parts(const at::Tensor& x, const at::Tensor& real, F f) {
  if (!x.is_complex()) return f(x, real);
  return at::view_as_complex(f(at::view_as_real(x.resolve_conj()), real.unsqueeze(-1)));
}
at::Tensor times(const at::Tensor& x, const at::Tensor& real) {
  return of_parts(x, real, [](const at::Tensor& a, const at::Tensor& b) { return a.mul(b); });
}
at::Tensor over(const at::Tensor& x, const at::Tensor& real) {
  return of_parts(x, real, [](const at::Tensor& a, const at::Tensor& b) { return a.div(b); });
}

// The rows' products with rows whose weights are real. With `rows` conjugated, and not the others, it is the
// transposed one, and takes no launches for it.
at::Tensor gram(const at::Tensor& rows, const at::Tensor& weighted) {
  return rows.is_complex() ? rows.conj().matmul(weighted.t()).t() : rows.matmul(weighted.t());
}

void warn_of_freedom() {
  TORCH_WARN(
      "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of "
      "observations.");
}

// Without weights nothing of the device is read.
at::Tensor cov_of(const at::Tensor& rows, int64_t correction) {
  const int64_t n = rows.size(1);
  const at::Tensor centered = rows.sub(rows.sum(1, /*keepdim=*/true).div(n));
  if (n <= correction) warn_of_freedom();
  return gram(centered, centered).div(std::max<int64_t>(n - correction, 0)).squeeze();
}

// The checks that read the device are PyTorch's.
at::Tensor cov_npu(const at::Tensor& self, int64_t correction, const MaybeTensor& frequencies,
                   const MaybeTensor& reliabilities) {
  const bool f = frequencies && frequencies->defined(), a = reliabilities && reliabilities->defined();
  TORCH_CHECK(self.dim() <= 2, "cov(): expected input to have two or fewer dimensions but got an input with ",
              self.dim(), " dimensions");
  TORCH_CHECK(self.scalar_type() != at::kBool, "cov(): bool dtype is not supported for input");
  const at::Tensor rows = self.dim() < 2 ? self.reshape({1, -1}) : self;
  if (!f && !a) return cov_of(rows, correction);
  const int64_t n = rows.size(1);
  auto check = [n](const at::Tensor& w, const char* name, bool fits, const char* kind) {
    TORCH_CHECK(w.dim() <= 1, "cov(): expected ", name, " to have one or fewer dimensions but got ", name,
                " with ", w.dim(), " dimensions");
    TORCH_CHECK(fits, "cov(): expected ", name, " to have ", kind, " dtype but got ", name, " with ",
                w.scalar_type(), " dtype");
    TORCH_CHECK(w.numel() == n, "cov(): expected ", name,
                " to have the same numel as there are observations in the input but got ", w.numel(),
                " != ", n);
    TORCH_CHECK(n == 0 || w.min().item<double>() >= 0, "cov(): ", name, " cannot be negative");
  };
  if (f) check(*frequencies, "fweights", at::isIntegralType(frequencies->scalar_type(), false), "integral");
  if (a)
    check(*reliabilities, "aweights", at::isFloatingType(reliabilities->scalar_type()), "floating point");
  const at::Tensor w = !a ? *frequencies : f ? at::mul(*frequencies, *reliabilities) : *reliabilities;
  const at::Tensor total = w.sum();
  TORCH_CHECK(total.item<double>() != 0, "cov(): weights sum to zero, can't be normalized");
  const at::Tensor centered = rows.sub(over(times(rows, w).sum(1, /*keepdim=*/true), total));
  at::Tensor norm = a && correction != 0 ? total.sub(at::mul(w, *reliabilities).sum().div(total), correction)
                                         : total.sub(correction);
  if (norm.item<double>() <= 0) {
    warn_of_freedom();
    norm = norm.mul(0);
  }
  return over(gram(centered, times(centered, w)), norm).squeeze();
}

// Every sample has weights of its own inside, whose gradients are summed: in halves each would be rounded
// before.
at::Tensor instance_norm_npu(const at::Tensor& input, const MaybeTensor& weight, const MaybeTensor& bias,
                             const MaybeTensor& mean, const MaybeTensor& var, bool own_stats, double momentum,
                             double eps, bool cudnn) {
  auto wide = [&input](const MaybeTensor& t) {
    const bool half = t && t->defined() && at::isReducedFloatingType(input.scalar_type());
    return half ? MaybeTensor(t->to(at::kFloat)) : t;
  };
  return at::native::instance_norm(input, wide(weight), wide(bias), mean, var, own_stats, momentum, eps,
                                   cudnn);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("instance_norm", instance_norm_npu);
  m.impl("cosine_embedding_loss", cosine_embedding_loss_npu);
  m.impl("cov", cov_npu);
  m.impl("poisson_nll_loss", poisson_nll_loss_npu);
}

TORCH_LIBRARY_IMPL(aten, AutogradPrivateUse1, m) {
  m.impl("instance_norm", instance_norm_npu);
  m.impl("cosine_embedding_loss", cosine_embedding_loss_npu);
  m.impl("cov", cov_npu);
  m.impl("poisson_nll_loss", poisson_nll_loss_npu);
}

}  // namespace npu::ops
