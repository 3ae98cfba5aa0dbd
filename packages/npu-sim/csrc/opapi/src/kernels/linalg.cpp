// SPDX-License-Identifier: BSD-3-Clause
// Decompositions, solutions and norms of matrices, the last two dims of a batch.
#include <ATen/ops/_linalg_svd.h>
#include <ATen/ops/addbmm.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_cross.h>
#include <ATen/ops/linalg_inv.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_slogdet.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/trace.h>
#include <ATen/ops/triangular_solve.h>

#include <algorithm>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;
using rules::Shape;
using OptDims = const std::optional<at::IntArrayRef>&;

const rules::FlatTensor& matrices(const Call& c, const char* name) {
  const auto& t = at(c, name);
  if (t.ndim < 2) rules::refuse(c, name, nnop::describe(t), "at least 2 dims");
  return t;
}
const rules::FlatTensor& square(const Call& c, const char* name) {
  const auto& t = matrices(c, name);
  if (t.sizes()[t.ndim - 1] != t.sizes()[t.ndim - 2])
    rules::refuse(c, name, nnop::describe(t), "square matrices");
  return t;
}
// `t` with its last two sizes replaced.
Shape of_matrices(const rules::FlatTensor& t, int64_t rows, int64_t columns) {
  Shape s = rules::shape(t);
  s[t.ndim - 2] = rows;
  s[t.ndim - 1] = columns;
  return s;
}

void of_square(const Call& c) {
  rules::expect_outputs(c, square(c, "self").sizes(), "that of 'self'");
  rules::keeps_dtype(c);
}

void slogdet(const Call& c) {
  const auto& self = square(c, "self");
  rules::expect_outputs(c, self.sizes().first(self.ndim - 2), "one element for each matrix");
}

void qr(const Call& c) {
  const auto& self = matrices(c, "self");
  const int64_t mode = rules::number(c, "mode"), m = self.sizes()[self.ndim - 2],
                n = self.sizes()[self.ndim - 1];
  if (mode < 0 || mode > 2)
    rules::refuse(c, "mode", std::to_string(mode), "0 (reduced), 1 (complete) or 2 (only R)");
  const int64_t k = mode == 1 ? m : std::min(m, n);
  if (mode != 2) rules::expect_shape(c, "Q", at(c, "Q"), of_matrices(self, m, k), "that of Q");
  rules::expect_shape(c, "R", at(c, "R"), of_matrices(self, k, n), "that of R");
}

void svd(const Call& c) {
  const auto& self = matrices(c, "input");
  const int64_t m = self.sizes()[self.ndim - 2], n = self.sizes()[self.ndim - 1], k = std::min(m, n);
  Shape s = rules::shape(self);
  s.resize(self.ndim - 1);
  s.back() = k;
  rules::expect_shape(c, "sigma", at(c, "sigma"), s, "that of the singular values");
  if (!rules::number(c, "computeUV")) return;
  const bool full = rules::number(c, "fullMatrices") != 0;
  rules::expect_shape(c, "u", at(c, "u"), of_matrices(self, m, full ? m : k), "that of U");
  rules::expect_shape(c, "v", at(c, "v"), of_matrices(self, n, full ? n : k), "that of V");
}

void triangular(const Call& c) {
  const auto &a = square(c, "A"), &b = matrices(c, "self");
  if (a.sizes()[a.ndim - 1] != b.sizes()[b.ndim - 2])
    rules::refuse(c, "self", nnop::describe(b), "as many rows as " + nnop::describe(a));
  rules::expect_dtype(c, "A", a, b.dtype, "that of 'self'");
}

void cross(const Call& c) {
  const Shape s = rules::broadcast_shape(c);
  const int64_t dim = rules::wrap(c, "dim", rules::number(c, "dim"), static_cast<int64_t>(s.size()));
  if (s.empty() || s[static_cast<size_t>(dim)] != 3)
    rules::refuse(c, "dim", std::to_string(dim), "a dim of size 3 of " + rules::text(s));
  rules::expect_outputs(c, s, "the broadcast of the inputs");
}

void mv(const Call& c) {
  const auto &self = matrices(c, "self"), &vec = at(c, "vec");
  if (self.ndim != 2) rules::refuse(c, "self", nnop::describe(self), "2 dims");
  const int64_t columns[] = {self.sizes()[1]}, rows[] = {self.sizes()[0]};
  rules::expect_shape(c, "vec", vec, columns, "as many elements as 'self' has columns");
  rules::expect_outputs(c, rows, "as many elements as 'self' has rows");
}

void addbmm(const Call& c) {
  const auto &a = at(c, "batch1"), &b = at(c, "batch2");
  for (auto [name, t] : {std::pair("batch1", &a), std::pair("batch2", &b)})
    if (t->ndim != 3) rules::refuse(c, name, nnop::describe(*t), "3 dims");
  if (a.sizes()[0] != b.sizes()[0] || a.sizes()[2] != b.sizes()[1])
    rules::refuse(c, "batch2", nnop::describe(b), "matrices to multiply " + nnop::describe(a) + " with");
  Shape s{a.sizes()[1], b.sizes()[2]};
  rules::broadcast_with(c, s, "self", at(c, "self"));
  rules::expect_outputs(c, s, "that of a product");
}

void trace(const Call& c) {
  const auto& self = at(c, "self");
  if (self.ndim != 2) rules::refuse(c, "self", nnop::describe(self), "2 dims");
  rules::reduce_all(c);
}

}  // namespace

NPU_SIM_KERNEL(aclnnLinalgCholesky, of_square) = [](In self, bool upper, Out out) {
  put(out, at::linalg_cholesky(wide(self), upper));
};
NPU_SIM_KERNEL(aclnnInverse, of_square) = [](In self, Out out) { put(out, at::linalg_inv(wide(self))); };
NPU_SIM_KERNEL(aclnnSlogdet, slogdet) = [](In self, Out sign, Out log) {
  auto [s, l] = at::linalg_slogdet(self);
  put(sign, s);
  put(log, l);
};
NPU_SIM_KERNEL(aclnnLinalgQr, qr) = [](In self, int64_t mode, OptIn q, Out r) {
  static constexpr const char* kModes[] = {"reduced", "complete", "r"};
  auto [a, b] = at::linalg_qr(wide(self), kModes[mode]);
  put_wanted(q, a);
  put(r, b);
};
// The third result is V, not its transpose.
NPU_SIM_KERNEL(aclnnSvd, svd) = [](In input, bool full, bool vectors, Out sigma, OptIn u, OptIn v) {
  auto [a, s, b] = at::_linalg_svd(input, full, vectors);
  put(sigma, s);
  if (!vectors) return;
  put_wanted(u, a);
  put_wanted(v, b.transpose(-2, -1));
};
NPU_SIM_KERNEL(aclnnTriangularSolve, triangular) = [](In self, In a, bool upper, bool transpose, bool unit,
                                                      Out x, Out m) {
  auto [solution, copy] = at::triangular_solve(self, a, upper, transpose, unit);
  put(x, solution);
  put(m, copy);
};
NPU_SIM_KERNEL(aclnnLinalgCross, cross) = [](In self, In other, int64_t dim, Out out) {
  out.copy_(at::linalg_cross(self, other, dim));
};
NPU_SIM_KERNEL(aclnnMv, mv) = [](In self, In vec, Out out, int64_t) {
  out.copy_(at::mv(wide(self), wide(vec).to(wide(self).scalar_type())));
};
NPU_SIM_KERNEL(aclnnAddbmm, addbmm) = [](In self, In batch1, In batch2, Num beta, Num alpha, Out out,
                                         int64_t) {
  out.copy_(at::addbmm(wide(self), wide(batch1), wide(batch2), beta, alpha));
};
NPU_SIM_KERNEL(aclnnTrace, trace) = [](In self, Out out) { put(out, at::trace(self)); };
NPU_SIM_KERNEL(aclnnLinalgVectorNorm, rules::all<rules::reduce, rules::dtype_given>, rules::input_bytes) =
    [](In self, Num order, OptDims dims, bool keep, at::ScalarType dtype, Out out) {
      at::OptionalIntArrayRef some;
      if (dims && !dims->empty()) some = *dims;
      put(out, at::linalg_vector_norm(self, order, some, keep, dtype));
    };

}  // namespace npu_sim::ops
