// SPDX-License-Identifier: BSD-3-Clause
#include "matrices.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/addcmul.h>
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
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>

#include <limits>

#include "aclnn_ops.h"
#include "autocast.h"
#include "tensors.h"

namespace npu::ops {

at::Tensor sign_of(const at::Tensor& a) {
  const at::IntArrayRef batch = a.sizes().slice(0, a.dim() - 2);
  at::Tensor sign = empty(batch, a.scalar_type());
  launch<aclnnSlogdet>(a, sign, empty(batch, a.scalar_type()));
  return sign;
}

// Not by the logarithm: that of a zero beside an infinity is NaN, as that of NaN. A pivot is NaN where the
// matrix is, and where infinities meet in a row or a column; each counts there for more than all finite
// numbers do, and so does a sign.
at::Tensor singular(const at::Tensor& a, const at::Tensor& sign) {
  constexpr double kOne = 0x1p60;
  const double most =
      a.scalar_type() == at::kDouble ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  const at::Tensor count = at::nan_to_num(at::div(a, most), 2 * kOne, kOne, kOne);
  at::DimVector sizes(a.sizes());
  sizes[sizes.size() - 2] = 2;
  const at::Tensor lines = empty(sizes, a.scalar_type());
  for (const int64_t dim : {0, 1}) {
    at::Tensor sums = lines.select(-2, dim);
    at::sum_out(sums, count, dim - 2);
  }
  return at::lt(at::addcmul(at::amax(lines, {-2, -1}), sign, sign, 2 * kOne), 1.5 * kOne);
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
