// SPDX-License-Identifier: BSD-3-Clause
#include "matrices.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/div.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>

#include <limits>

#include "aclnn_ops.h"
#include "autocast.h"
#include "tensors.h"

namespace npu::ops {

at::Tensor no_pivots(const at::Tensor& a) {
  const at::IntArrayRef batch = a.sizes().slice(0, a.dim() - 2);
  const at::Tensor sign = empty(batch, a.scalar_type()), logarithm = empty(batch, a.scalar_type());
  launch<aclnnSlogdet>(a, sign, logarithm);
  return at::eq(sign, 0);
}

// The logarithm of a zero beside an infinity is NaN, as that of NaN. Pivots are NaN where a matrix is, and
// where infinities meet in a row or a column; each counts there as much as no finite numbers do.
at::Tensor singular(const at::Tensor& a, const at::Tensor& none) {
  constexpr double kOne = 0x1p60;
  const double most =
      a.scalar_type() == at::kDouble ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  const at::Tensor count = at::nan_to_num(at::div(a, most), 2 * kOne, kOne, kOne);
  const at::Tensor lines = at::maximum(at::sum(count, -1), at::sum(count, -2));
  return at::lt(at::amax(lines, -1), 1.5 * kOne).logical_and_(none);
}

at::Tensor without(const at::Tensor& a, const at::Tensor& bad) {
  return at::where(bad.unsqueeze(-1).unsqueeze(-1), at::eye(a.size(-1), a.options()), a);
}

at::Tensor info_of(const at::Tensor& a, const at::Tensor& bad) { return bad.to(at::kInt).mul_(a.size(-1)); }

at::Tensor solved(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bad) {
  const NoAutocast exact;
  auto [q, r] = at::linalg_qr(a);
  if (bad.defined()) {
    at::Tensor diagonal = r.diagonal(0, -2, -1);
    const at::Tensor size = at::abs(diagonal), least = at::eq(size, at::amin(size, -1, /*keepdim=*/true));
    diagonal.mul_(at::logical_not(least.logical_and_(bad.unsqueeze(-1))));
  }
  return at::linalg_solve_triangular(r, at::matmul(q.transpose(-2, -1), b), /*upper=*/true);
}

}  // namespace npu::ops
