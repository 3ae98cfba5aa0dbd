// SPDX-License-Identifier: BSD-3-Clause
// Cholesky factors and what is solved with them. What CANN's operator does with a matrix that has none its
// pages do not say, so such matrices are found before: of a positive definite one the two sides of singular
// vectors are the same.
#include <ATen/native/LinearAlgebraUtils.h>
#include <ATen/ops/_linalg_check_errors.h>
#include <ATen/ops/_linalg_svd.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_cholesky_ex_meta.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/sum.h>

#include <limits>

#include "aclnn_ops.h"
#include "kernel.h"
#include "matrices.h"
#include "structured.h"

namespace npu::ops {
namespace {

// Singular values of larger ones take longer than the way to the CPU and back.
constexpr int64_t kLargest = 128;

// What is not finite becomes so negative that the matrix cannot be positive.
at::Tensor finite(const at::Tensor& a) {
  constexpr double low = -1e18;
  return at::nan_to_num(a, low, low, low);
}

struct Singular {
  at::Tensor u, s, vh;
  explicit Singular(const at::Tensor& a) {
    std::tie(u, s, vh) = at::_linalg_svd(a, /*full_matrices=*/false, /*compute_uv=*/true);
  }
  // Eigenvalues are singular values where both sides' vectors are the same, and negative ones where they are
  // not.
  at::Tensor indefinite() const {
    const at::Tensor same = at::mul(u, vh.transpose(-2, -1)).sum(-2);
    return at::amin(same.mul_(s), -1).sub_(s.select(-1, 0), std::numeric_limits<float>::epsilon()).le(0);
  }
  // R with R^T R = A, up to the signs of its rows.
  at::Tensor triangle() const { return std::get<1>(at::linalg_qr(at::mul(s.sqrt().unsqueeze(-1), vh), "r")); }
};

struct cholesky_ex_op {
  using Meta = at::meta::structured_linalg_cholesky_ex;
  static constexpr const char* name = "linalg_cholesky_ex";
  static constexpr size_t outputs = 2;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 2>& m, const at::Tensor& a, bool upper, bool check) {
    m.meta(a, upper, check);
  }
  static void run(Call& k, const at::Tensor& a, bool upper, bool check) {
    check_dtype(name, a, kMatrix);
    if (a.size(-1) > kLargest)
      throw RefusedDtype({__func__, __FILE__, __LINE__}, "matrices of this size are factored by the CPU");
    const at::Tensor &out = k.out(0, 0), &info = k.out(1, 0);
    if (a.numel() == 0) return fill_value(info, 0);
    const Singular values(finite(symmetric(a, upper)));
    const at::Tensor bad = values.indefinite(), r = values.triangle();
    at::Tensor factor = upper ? out : out.transpose(-2, -1), places = info;
    at::mul_out(factor, r, r.diagonal(0, -2, -1).sign().unsqueeze(-1));
    factor.masked_fill_(bad.unsqueeze(-1).unsqueeze(-1), std::numeric_limits<double>::quiet_NaN());
    places.zero_().masked_fill_(bad, a.size(-1));
    if (check) at::_linalg_check_errors(info, "linalg.cholesky_ex", a.dim() == 2);
  }
};

std::tuple<at::Tensor, at::Tensor> cholesky_ex(const at::Tensor& a, bool upper, bool check) {
  return run_functional<cholesky_ex_op>(a, upper, check);
}
std::tuple<at::Tensor&, at::Tensor&> cholesky_ex_out(const at::Tensor& a, bool upper, bool check,
                                                     at::Tensor& l, at::Tensor& info) {
  return run_out<cholesky_ex_op>(std::tie(l, info), a, upper, check);
}

at::Tensor cholesky_npu(const at::Tensor& a, bool upper) {
  at::native::squareCheckInputs(a, "cholesky");
  auto [factor, info] = at::linalg_cholesky_ex(a, upper);
  at::_linalg_check_errors(info, "cholesky", a.dim() == 2);
  return factor;
}
at::Tensor& cholesky_out_npu(const at::Tensor& a, bool upper, at::Tensor& out) {
  return give(out, cholesky_npu(a, upper));
}

// X of L L^T X = B, or of U^T U X = B.
at::Tensor cholesky_solve_npu(const at::Tensor& b, const at::Tensor& factor, bool upper) {
  c10::DeviceGuard guard(common_device("cholesky_solve", false, b, factor));
  check_dtype("cholesky_solve", b, dtypes("fd"));
  const at::Tensor turned = factor.transpose(-2, -1);
  const at::Tensor y = at::linalg_solve_triangular(upper ? turned : factor, b, /*upper=*/false);
  return at::linalg_solve_triangular(upper ? factor : turned, y, /*upper=*/true);
}

at::Tensor cholesky_inverse_npu(const at::Tensor& factor, bool upper) {
  c10::DeviceGuard guard(factor.device());
  at::native::squareCheckInputs(factor, "cholesky_inverse");
  check_dtype("cholesky_inverse", factor, kMatrix);
  if (factor.numel() == 0) return empty(factor.sizes(), factor.scalar_type());
  const at::Tensor lower = upper ? factor.transpose(-2, -1) : factor;
  at::DimVector sizes(factor.sizes());
  const at::Tensor one = at::eye(sizes.back(), factor.options()).expand(sizes);
  const at::Tensor inverse = at::linalg_solve_triangular(lower, one, /*upper=*/false);
  return at::matmul(inverse.transpose(-2, -1), inverse);
}
at::Tensor& cholesky_inverse_out_npu(const at::Tensor& factor, bool upper, at::Tensor& out) {
  return give(out, cholesky_inverse_npu(factor, upper));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"linalg_cholesky_ex", cholesky_ex>(m);
  impl<"linalg_cholesky_ex.L", cholesky_ex_out>(m);
  impl<"cholesky", cholesky_npu>(m);
  impl<"cholesky.out", cholesky_out_npu>(m);
  impl<"_cholesky_solve_helper", cholesky_solve_npu>(m);
  impl<"cholesky_inverse", cholesky_inverse_npu>(m);
  impl<"cholesky_inverse.out", cholesky_inverse_out_npu>(m);
}

}  // namespace npu::ops
