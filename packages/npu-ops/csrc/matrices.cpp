// SPDX-License-Identifier: BSD-3-Clause
#include "matrices.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>

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
// numbers do, and so does a sign. Infinities that do not meet may leave a NaN all the same, but no zero in a
// matrix that has none with a large number in their place. The others are made so small that a quotient of
// the two is zero as that of an infinity.
at::Tensor singular(const at::Tensor& a, const at::Tensor& sign) {
  const double large = (a.scalar_type() == at::kDouble ? 0x1p1023 : 0x1p127) / 2;
  const at::Tensor finite = at::nan_to_num(at::mul(a, 0x1p-32), 2 * large, large, large);
  at::DimVector sizes(a.sizes());
  sizes[sizes.size() - 2] = 2;
  const at::Tensor lines = empty(sizes, a.scalar_type());
  for (const int64_t dim : {0, 1}) {
    at::Tensor sums = lines.select(-2, dim);
    at::sum_out(sums, finite, dim - 2);
  }
  at::Tensor most = at::amax(lines, {-2, -1});
  for (const at::Tensor& one : {sign, sign_of(finite)}) most = at::addcmul(most, one, one, 2 * large);
  return at::lt(most, 1.5 * large);
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
