// SPDX-License-Identifier: BSD-3-Clause
// What is solved with Cholesky factors. The CPU computes the factors themselves: how CANN's operator tells of
// a matrix that has none its pages do not say.
#include <ATen/native/LinearAlgebraUtils.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/matmul.h>
#include <c10/core/DeviceGuard.h>

#include "autocast.h"
#include "devices.h"
#include "kernel.h"
#include "matrices.h"
#include "soc.h"
#include "tensors.h"

namespace npu::ops {
namespace {

// X of L L^T X = B, or of U^T U X = B.
at::Tensor cholesky_solve_npu(const at::Tensor& b, const at::Tensor& factor, bool upper) {
  c10::DeviceGuard guard(common_device("cholesky_solve", false, b, factor));
  check_dtype("cholesky_solve", b, dtypes("fd"));
  check_soc("cholesky_solve", "solves no triangular systems");
  const at::Tensor turned = factor.transpose(-2, -1);
  const at::Tensor y = at::linalg_solve_triangular(upper ? turned : factor, b, /*upper=*/false);
  return at::linalg_solve_triangular(upper ? factor : turned, y, /*upper=*/true);
}

at::Tensor cholesky_inverse_npu(const at::Tensor& factor, bool upper) {
  c10::DeviceGuard guard(factor.device());
  at::native::squareCheckInputs(factor, "cholesky_inverse");
  check_dtype("cholesky_inverse", factor, kMatrix);
  check_soc("cholesky_inverse", "solves no triangular systems");
  if (factor.numel() == 0) return empty(factor.sizes(), factor.scalar_type());
  const at::Tensor lower = upper ? factor.transpose(-2, -1) : factor;
  at::DimVector sizes(factor.sizes());
  const at::Tensor one = at::eye(sizes.back(), factor.options()).expand(sizes);
  const at::Tensor inverse = at::linalg_solve_triangular(lower, one, /*upper=*/false);
  const NoAutocast exact;
  // Symmetric, so column-major without a copy, as LAPACK has it.
  return at::matmul(inverse.transpose(-2, -1), inverse).transpose(-2, -1);
}
at::Tensor& cholesky_inverse_out_npu(const at::Tensor& factor, bool upper, at::Tensor& out) {
  return give(out, cholesky_inverse_npu(factor, upper));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_cholesky_solve_helper", cholesky_solve_npu>(m);
  impl<"cholesky_inverse", cholesky_inverse_npu>(m);
  impl<"cholesky_inverse.out", cholesky_inverse_out_npu, Overlap::part>(m);
}

}  // namespace npu::ops
