// SPDX-License-Identifier: BSD-3-Clause
#include "matrices.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/where.h>

#include "aclnn_ops.h"
#include "autocast.h"
#include "tensors.h"

namespace npu::ops {

at::Tensor without_inverse(const at::Tensor& a) {
  const at::IntArrayRef batch = a.sizes().slice(0, a.dim() - 2);
  const at::Tensor sign = empty(batch, a.scalar_type());
  launch<aclnnSlogdet>(a, sign, empty(batch, a.scalar_type()));
  return at::eq(sign, 0);
}

at::Tensor singular(const at::Tensor& a, const at::Tensor& none) {
  const at::Tensor most = at::amax(a, {-2, -1});
  return none.logical_and(at::eq(most, most));
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
