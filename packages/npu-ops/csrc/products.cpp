// SPDX-License-Identifier: BSD-3-Clause
// Products of matrices of integers and of complex numbers; CANN multiplies real
// floating-point ones only. Complex ones are pairs of real ones: one real
// product of twice the size. Integers are multiplied element by element and
// summed, since a product in floating point is exact for small numbers only.
#include "products.h"

#include <ATen/ceil_div.h>
#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include <algorithm>

#include "aclnn_ops.h"
#include "otherwise.h"
#include "tensors.h"

namespace npu::ops {
namespace {

// Most products of elements that are held at once, 128 MB of int64.
constexpr int64_t kPiece = int64_t{1} << 24;
// Most pieces, each of two launches; of two matrices of 4096 x 4096 there would be 4096.
constexpr int64_t kPieces = 64;

void sum_of_products(const at::Tensor& a, const at::Tensor& b, at::Tensor out) {
  at::sum_out(out, at::mul(a.unsqueeze(-1), b.unsqueeze(1)), 2,
              /*keepdim=*/false, out.scalar_type());
}

}  // namespace

at::Tensor integer_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& given) {
  const int64_t batch = a.size(0), m = a.size(1), k = a.size(2), n = b.size(2);
  at::Tensor out = given.defined() ? given : empty({batch, m, n}, a.scalar_type());
  if (out.numel() == 0) return out;
  if (k == 0) return out.zero_();
  const int64_t rows = std::min(kPiece / (k * n), m);
  const int64_t batches = rows < m ? 1 : std::min(kPiece / (m * k * n), batch);
  if (rows == 0 || at::ceil_div(m, rows) * at::ceil_div(batch, batches) > kPieces)
    throw RefusedDtype({__func__, __FILE__, __LINE__},
                       c10::str("products of integers on npu are made in at most ", kPieces, " pieces; ",
                                a.sizes(), " times ", b.sizes(), " needs more"));
  for (int64_t i = 0; i < batch; i += batches) {
    const int64_t some = std::min(batches, batch - i);
    for (int64_t r = 0; r < m; r += rows) {
      const int64_t few = std::min(rows, m - r);
      sum_of_products(a.narrow(0, i, some).narrow(1, r, few), b.narrow(0, i, some),
                      out.narrow(0, i, some).narrow(1, r, few));
    }
  }
  return out;
}

namespace {

// PyTorch gives products operands that are to be read conjugated.
at::Tensor unconjugated(const at::Tensor& t) { return t.is_conj() ? t.conj() : t; }

// The real and the imaginary part of each matrix, which CANN reads where they lie.
at::Tensor parts(const at::Tensor& t) { return at::view_as_real(unconjugated(t)).permute({0, 3, 1, 2}); }

// The first plus i times the second of two products; conj(a) turns the sign of i, and a b* is (a* b)*.
void joined(const at::Tensor& products, const at::Tensor& a, const at::Tensor& b, const at::Tensor& out) {
  at::Tensor sum = out;
  at::add_out(sum, products.select(1, 0), products.select(1, 1),
              c10::complex<double>(0, a.is_conj() == b.is_conj() ? 1 : -1));
  if (b.is_conj()) at::view_as_real(sum).select(-1, 1).neg_();
}

// The parts of a times the pairs of b, which lie beside each other and are two columns for one.
void by_pairs(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out) {
  const int64_t batch = a.size(0), m = a.size(1), k = a.size(2), n = b.size(2);
  const at::Tensor pairs = at::view_as_real(unconjugated(b)).reshape({batch, 1, k, 2 * n});
  const at::Tensor both = empty({batch, 2, m, 2 * n}, c10::toRealValueType(a.scalar_type()));
  launch<aclnnMatmul>(parts(a), pairs, both, cube_math());
  joined(at::view_as_complex(both.view({batch, 2, m, n, 2})), a, b, out);
}

// The parts of a times those of b, written in pairs.
void by_parts(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out) {
  const at::Tensor both =
      empty({a.size(0), 2, a.size(1), b.size(2), 2}, c10::toRealValueType(a.scalar_type()));
  launch<aclnnMatmul>(parts(a).unsqueeze(2), parts(b).unsqueeze(1), both.permute({0, 1, 4, 2, 3}),
                      cube_math());
  joined(at::view_as_complex(both), a, b, out);
}

bool has_pairs(const at::Tensor& b) { return !b.is_conj() && (b.size(2) == 1 || b.stride(2) == 1); }

at::Tensor complex_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& given) {
  if (given.defined() && given.is_conj()) return complex_product(a.conj(), b.conj(), given.conj());
  at::Tensor out = given.defined() ? given : empty({a.size(0), a.size(1), b.size(2)}, a.scalar_type());
  if (out.numel() == 0 || a.size(2) == 0) {
    fill_value(out, 0);
    return out;
  }
  // Or the product of the transposed matrices.
  const at::Tensor first = b.transpose(1, 2), second = a.transpose(1, 2), turned = out.transpose(1, 2);
  if (has_pairs(b))
    by_pairs(a, b, out);
  else if (has_pairs(second))
    by_pairs(first, second, turned);
  else
    b.is_conj() ? by_parts(first, second, turned) : by_parts(a, b, out);
  return out;
}

using otherwise::In;
using otherwise::Number;

// a (B, M, K) times b (B, K, N), in dtypes that CANN does not multiply, written to `out` if it is given;
// undefined for others.
at::Tensor product(In a, In b, const at::Tensor& out = {}) {
  if (a.scalar_type() != b.scalar_type()) return {};
  if (c10::isIntegralType(a.scalar_type(), /*includeBool=*/false)) return integer_product(a, b, out);
  if (a.scalar_type() == at::kComplexFloat) return complex_product(a, b, out);
  return {};
}

// beta self + alpha product. Integers are scaled by integers, as the CPU does it.
bool added(Call& k, In self, const at::Tensor& product, Number given_beta, Number given_alpha) {
  const c10::Scalar beta = whole(given_beta, product.scalar_type());
  const c10::Scalar alpha = whole(given_alpha, product.scalar_type());
  at::Tensor out = k.out(0, 0);
  if (beta.equal(0)) {  // what `self` holds is not read then, NaN or not
    out.copy_(alpha.equal(1) ? product : at::mul(product, alpha));  // which `out` may conjugate
  } else {
    at::add_out(out, beta.equal(1) ? self : at::mul(self, beta), product, alpha);
  }
  return true;
}

}  // namespace

namespace otherwise {

bool mm(Call& k, In self, In other) {
  return product(self.unsqueeze(0), other.unsqueeze(0), k.out(0, 0).unsqueeze(0)).defined();
}
bool bmm(Call& k, In self, In other) { return product(self, other, k.out(0, 0)).defined(); }
bool addmm(Call& k, In self, In a, In b, Number beta, Number alpha) {
  const at::Tensor r = product(a.unsqueeze(0), b.unsqueeze(0));
  return r.defined() && added(k, self, r.squeeze(0), beta, alpha);
}
bool addmv(Call& k, In self, In matrix, In vector, Number beta, Number alpha) {
  const at::Tensor r = product(matrix.unsqueeze(0), vector.unsqueeze(0).unsqueeze(-1));
  return r.defined() && added(k, self, r.squeeze(0).squeeze(-1), beta, alpha);
}
bool baddbmm(Call& k, In self, In a, In b, Number beta, Number alpha) {
  const at::Tensor r = product(a, b);
  return r.defined() && added(k, self, r, beta, alpha);
}
bool addbmm(Call& k, In self, In a, In b, Number beta, Number alpha) {
  const at::Tensor r = product(a, b);
  return r.defined() && added(k, self, at::sum(r, 0, /*keepdim=*/false, r.scalar_type()), beta, alpha);
}

}  // namespace otherwise
}  // namespace npu::ops
