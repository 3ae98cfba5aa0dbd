// SPDX-License-Identifier: BSD-3-Clause
// Inverses, determinants and solutions of systems. CANN has no LU factors; PyTorch's gradients of these want
// some to solve another system with. They get the matrix itself instead, beside pivots that say so.
#include <ATen/ScalarOps.h>
#include <ATen/native/LinearAlgebraUtils.h>
#include <ATen/ops/_linalg_check_errors.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/le.h>
#include <ATen/ops/linalg_inv_ex_meta.h>
#include <ATen/ops/linalg_lu_solve_meta.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/lu_unpack_meta.h>
#include <ATen/ops/scatter.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/triu.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <bit>
#include <limits>

#include "aclnn_ops.h"
#include "kernel.h"
#include "matrices.h"
#include "soc.h"
#include "structured.h"

namespace npu::ops {
namespace {

// A copy in column-major order.
at::Tensor columns(const at::Tensor& a) {
  at::Tensor copy = empty(a.transpose(-2, -1).sizes(), a.scalar_type()).transpose(-2, -1);
  device_copy(copy, a);
  return copy;
}

struct inv_ex_op {
  using Meta = at::meta::structured_linalg_inv_ex;
  static constexpr const char* name = "linalg_inv_ex";
  static constexpr size_t outputs = 2;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 2>& m, const at::Tensor& a, bool check) { m.meta(a, check); }
  static void run(Call& k, const at::Tensor& a, bool check) {
    check_dtype(name, a, dtypes("fd"));
    check_soc(name, "inverts no matrices");
    const at::Tensor &out = k.out(0, 0), &info = k.out(1, 0);
    if (a.numel() == 0) return fill_value(info, 0);
    // torch finds determinants by the pivots of the transpose of a contiguous matrix, but inverses and
    // solutions by its own; a zero that rounding leaves among these only ends in an error.
    const at::Tensor own = a.is_contiguous() ? columns(a) : a;
    const at::Tensor none = without_inverse(own);
    launch<aclnnInverse>(without(a, none), out);
    at::Tensor result = out;
    result.masked_fill_(none.unsqueeze(-1).unsqueeze(-1), std::numeric_limits<double>::quiet_NaN());
    at::Tensor told = info;
    told.copy_(singular(own, none)).mul_(a.size(-1));
    if (check) at::_linalg_check_errors(info, "linalg.inv_ex", a.dim() == 2);
  }
};

std::tuple<at::Tensor, at::Tensor> inv_ex(const at::Tensor& a, bool check) {
  return run_functional<inv_ex_op>(a, check);
}
std::tuple<at::Tensor&, at::Tensor&> inv_ex_out(const at::Tensor& a, bool check, at::Tensor& inverse,
                                                at::Tensor& info) {
  return run_out<inv_ex_op>(std::tie(inverse, info), a, check);
}

// What stands for LU factors of `a`, or of its transpose where torch factors that: the matrix, and pivots
// that are one number seen many times, 0, or -1 where the matrix is known to be singular. A matrix of one
// number is its own factors. Column-major, as torch has factors.
struct Unfactored {
  at::Tensor lu, pivots;
  explicit Unfactored(const at::Tensor& a, const at::Tensor& bad = {}) : lu(columns(a)) {
    const at::IntArrayRef sizes = a.sizes().slice(0, a.dim() - 1);
    const bool told = bad.defined() && a.size(-1) > 1;
    // Behind a number that nobody reads, which tells such pivots from those that say nothing.
    const at::Tensor numbers = empty({told ? bad.numel() + 1 : 1}, at::kInt);
    if (!told) fill_value(numbers, a.size(-1) == 1 ? 1 : 0);
    pivots = numbers.narrow(0, told ? 1 : 0, numbers.numel() - (told ? 1 : 0));
    if (told) {
      pivots = pivots.view(bad.sizes()).unsqueeze(-1);
      launch<aclnnNeg>(bad.to(at::kInt).unsqueeze(-1), pivots);
    }
    pivots = pivots.expand(sizes);
  }
};
bool unfactored(const at::Tensor& pivots) { return pivots.size(-1) > 1 && pivots.stride(-1) == 0; }
at::Tensor told_singular(const at::Tensor& pivots) {
  return pivots.storage_offset() ? at::lt(pivots.select(-1, 0), 0) : at::Tensor();
}

// What torch factors for a determinant: the transpose, if that is column-major.
at::Tensor for_determinant(const at::Tensor& a) { return a.is_contiguous() ? a.transpose(-2, -1) : a; }

void check_square(const at::Tensor& a, const char* op) {
  at::native::squareCheckInputs(a, op);
  at::native::checkFloatingOrComplex(a, op);
  check_dtype(op, a, kMatrix);
  check_factors(op);  // of the gradient, which the CPU's LU factors serve as well
}

// Of float64, whose rounding no product of many factors shows.
std::tuple<at::Tensor, at::Tensor> wide_slogdet(const at::Tensor& a) {
  const at::IntArrayRef batch = a.sizes().slice(0, a.dim() - 2);
  const at::Tensor sign = empty(batch, at::kDouble), logarithm = empty(batch, at::kDouble);
  if (a.numel() == 0) {
    fill_value(sign, 1);
    fill_value(logarithm, 0);
  } else {
    launch<aclnnSlogdet>(cast(a, at::kDouble), sign, logarithm);
  }
  return {sign, logarithm};
}

// What a determinant's gradient, itself times an inverse, is solved with. torch adds an epsilon to zeros on
// the diagonal, which would change a matrix that has an inverse; of one that has none the gradient is zero,
// as the CPU's, by way of the identity.
Unfactored divisors(const at::Tensor& a, const at::Tensor& sign) {
  const at::Tensor matrix = for_determinant(a);
  if (a.numel() == 0) return Unfactored(matrix);
  Unfactored rest(without(matrix, at::eq(sign, 0)));
  at::Tensor diagonal = rest.lu.diagonal(0, -2, -1);
  diagonal.masked_fill_(at::eq(diagonal, 0), std::numeric_limits<float>::min());
  return rest;
}

using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Four = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

Three det_npu(const at::Tensor& a) {
  c10::DeviceGuard guard(a.device());
  check_square(a, "linalg.det");
  auto [sign, logarithm] = wide_slogdet(a);
  const Unfactored rest = divisors(a, sign);
  return {cast(at::exp(logarithm).mul_(sign), a.scalar_type()), rest.lu, rest.pivots};
}

Four slogdet_npu(const at::Tensor& a) {
  c10::DeviceGuard guard(a.device());
  check_square(a, "linalg.slogdet");
  auto [sign, logarithm] = wide_slogdet(a);
  const at::Tensor matrix = for_determinant(a);
  const Unfactored rest = a.numel() == 0 ? Unfactored(matrix) : Unfactored(matrix, at::eq(sign, 0));
  return {cast(sign, a.scalar_type()), cast(logarithm, a.scalar_type()), rest.lu, rest.pivots};
}

// X of A X = B, or of X A = B.
Four solve_ex(const at::Tensor& a, const at::Tensor& b, bool left, bool check) {
  c10::DeviceGuard guard(common_device("linalg_solve_ex", false, a, b));
  at::native::checkFloatingOrComplex(a, "linalg.solve");
  TORCH_CHECK(a.scalar_type() == b.scalar_type(),
              "linalg.solve: Expected A and B to have the same dtype, but found A of type ", a.scalar_type(),
              " and B of type ", b.scalar_type(), " instead");
  at::native::squareCheckInputs(a, "linalg.solve");
  check_dtype("linalg_solve_ex", a, kMatrix);
  check_factors("linalg_solve_ex");
  const bool vector = at::native::linalg_solve_is_vector_rhs(a, b);
  TORCH_CHECK(left || !vector,
              "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In "
              "this case linalg.solve is equivalent to B / A.squeeze(-1)");
  at::Tensor rhs = vector ? b.unsqueeze(-1) : b;
  at::native::linearSolveCheckInputs(left ? rhs : rhs.transpose(-2, -1), a, "linalg.solve");
  auto [rhs_sizes, a_sizes] = at::native::_linalg_broadcast_batch_dims(rhs, a);
  rhs = rhs.expand(rhs_sizes);
  if (!left) rhs = rhs.transpose(-2, -1);
  const at::IntArrayRef batch = a.sizes().slice(0, a.dim() - 2);
  // In the strides that torch has for a result of this shape.
  const at::IntArrayRef sizes = at::IntArrayRef(rhs_sizes).slice(0, rhs_sizes.size() - (vector ? 1 : 0));
  const at::Tensor result =
      empty(sizes, a.scalar_type(), at::native::batched_matrix_contiguous_strides(sizes, /*f-contig*/ left));
  at::Tensor x = vector ? result.unsqueeze(-1) : left ? result : result.transpose(-2, -1), info;
  Unfactored rest(a);
  if (a.numel() == 0 || rhs.numel() == 0) {
    x.zero_();
    info = at::zeros(batch, a.options().dtype(at::kInt));
  } else {
    const at::Tensor bad = singular(rest.lu, without_inverse(rest.lu));
    const at::Tensor found = solved(left ? a : a.transpose(-2, -1), rhs);
    info = info_of(a, bad);
    at::where_out(x, bad.unsqueeze(-1).unsqueeze(-1),
                  at::native::wrapped_scalar_tensor(std::numeric_limits<double>::quiet_NaN()), found);
  }
  if (check) at::_linalg_check_errors(info, "torch.linalg.solve_ex", a.dim() == 2);
  return {result, rest.lu, rest.pivots, info};
}

// Which row of PLU each row of LU is: the swaps that pivots name, one after the other, each as a list of
// places, and all of them put together two by two.
at::Tensor order_of(const at::Tensor& pivots, int64_t rows) {
  const int64_t swaps = pivots.size(-1);
  const at::Tensor to = cast(pivots, at::kLong).sub(1).clamp_min_(0);
  const at::Tensor places = at::arange(rows, to.options());
  at::DimVector sizes(pivots.sizes());
  sizes.back() = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(swaps)));
  sizes.push_back(rows);
  at::Tensor order = empty(sizes, at::kLong);
  order.copy_(places);
  at::Tensor real = order.narrow(-2, 0, swaps);
  real.scatter_(-1, to.unsqueeze(-1),
                places.narrow(0, 0, swaps).unsqueeze(-1).expand(to.unsqueeze(-1).sizes()));
  real.diagonal(0, -2, -1).copy_(to);
  while (order.size(-2) > 1) {
    const int64_t half = order.size(-2) / 2;
    const at::Tensor pairs = order.unflatten(-2, {half, 2});
    order = pairs.select(-2, 0).gather(-1, pairs.select(-2, 1));
  }
  return order.squeeze(-2);
}

struct lu_unpack_op {
  using Meta = at::meta::structured_lu_unpack;
  static constexpr const char* name = "lu_unpack";
  static constexpr size_t outputs = 3;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 3>& m, const at::Tensor& lu, const at::Tensor& pivots, bool data,
                    bool order) {
    m.meta(lu, pivots, data, order);
  }
  static void run(Call& k, const at::Tensor& lu, const at::Tensor& pivots, bool data, bool order) {
    check_dtype(name, lu, dtypes("fd"));
    check_factors(name);  // those SoCs gather no numbers either
    const int64_t m = lu.size(-2), n = lu.size(-1), least = std::min(m, n);
    if (order) {
      at::Tensor p = k.out(0, 0);
      p.zero_();
      if (p.numel()) p.scatter_(-2, order_of(pivots, m).unsqueeze(-2), 1);
    }
    if (!data) return;
    at::Tensor l = k.out(1, 0), u = k.out(2, 0);
    if (l.numel()) {
      at::tril_out(l, lu.narrow(-1, 0, least), -1);
      l.diagonal(0, -2, -1).fill_(1);
    }
    if (u.numel()) at::triu_out(u, lu.narrow(-2, 0, least));
  }
};

Three lu_unpack(const at::Tensor& lu, const at::Tensor& pivots, bool data, bool order) {
  return run_functional<lu_unpack_op>(lu, pivots, data, order);
}
std::tuple<at::Tensor&, at::Tensor&, at::Tensor&> lu_unpack_out(const at::Tensor& lu,
                                                                const at::Tensor& pivots, bool data,
                                                                bool order, at::Tensor& p, at::Tensor& l,
                                                                at::Tensor& u) {
  return run_out<lu_unpack_op>(std::tie(p, l, u), lu, pivots, data, order);
}

at::Tensor by_factors(const at::Tensor& lu, const at::Tensor& pivots, const at::Tensor& b, bool transposed) {
  at::Tensor order = order_of(pivots, lu.size(-2)).unsqueeze(-1);
  at::DimVector sizes(b.sizes().slice(0, b.dim() - 2));
  sizes.append({lu.size(-1), b.size(-1)});
  order = order.expand(sizes);
  const at::Tensor rhs = b.expand(sizes);
  auto part = [&](const at::Tensor& x, bool upper) {
    const at::Tensor factor = transposed ? lu.transpose(-2, -1) : lu;
    return at::linalg_solve_triangular(factor, x, upper != transposed, /*left=*/true,
                                       /*unitriangular=*/!upper);
  };
  if (!transposed) return part(part(rhs.gather(-2, order), false), true);
  return at::scatter(empty(sizes, b.scalar_type()), -2, order, part(part(rhs, true), false));
}

struct lu_solve_op {
  using Meta = at::meta::structured_linalg_lu_solve;
  static constexpr const char* name = "linalg_lu_solve";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& lu, const at::Tensor& pivots, const at::Tensor& b,
                    bool left, bool adjoint) {
    m.meta(lu, pivots, b, left, adjoint);
  }
  static void run(Call& k, const at::Tensor& lu, const at::Tensor& pivots, const at::Tensor& b, bool left,
                  bool adjoint) {
    check_dtype(name, lu, kMatrix);
    check_factors(name);
    at::Tensor out = k.out(0, 0);
    if (!left) out = out.transpose(-2, -1);
    at::DimVector sizes(out.sizes());
    const at::Tensor rhs = (left ? b : b.transpose(-2, -1)).expand(sizes);
    const bool transposed = adjoint == left;
    const at::Tensor matrix = transposed ? lu.transpose(-2, -1) : lu;
    if (unfactored(pivots)) return device_copy(out, solved(matrix, rhs, told_singular(pivots)));
    const at::IntArrayRef batch = rhs.sizes().slice(0, rhs.dim() - 2);
    at::DimVector lu_sizes(batch), pivot_sizes(batch);
    lu_sizes.append({lu.size(-2), lu.size(-1)});
    pivot_sizes.push_back(pivots.size(-1));
    const at::Tensor x = by_factors(lu.expand(lu_sizes), pivots.expand(pivot_sizes), rhs, transposed);
    // Pivots of ours that were copied on the way still are no places.
    const at::Tensor first = pivots.select(-1, 0), plain = at::le(first, 0).unsqueeze(-1).unsqueeze(-1);
    at::where_out(out, plain, solved(matrix, rhs), x);
  }
};

at::Tensor lu_solve(const at::Tensor& lu, const at::Tensor& pivots, const at::Tensor& b, bool left,
                    bool adjoint) {
  return run_functional<lu_solve_op>(lu, pivots, b, left, adjoint);
}
at::Tensor& lu_solve_out(const at::Tensor& lu, const at::Tensor& pivots, const at::Tensor& b, bool left,
                         bool adjoint, at::Tensor& out) {
  return std::get<0>(run_out<lu_solve_op>(std::tie(out), lu, pivots, b, left, adjoint));
}

std::tuple<at::Tensor&, at::Tensor&, at::Tensor&> det_out(const at::Tensor& a, at::Tensor& result,
                                                          at::Tensor& lu, at::Tensor& pivots) {
  auto [r, l, p] = det_npu(a);
  return {give(result, r), give(lu, l), give(pivots, p)};
}
using FourOut = std::tuple<at::Tensor&, at::Tensor&, at::Tensor&, at::Tensor&>;
FourOut slogdet_out(const at::Tensor& a, at::Tensor& sign, at::Tensor& logarithm, at::Tensor& lu,
                    at::Tensor& pivots) {
  auto [s, g, l, p] = slogdet_npu(a);
  return {give(sign, s), give(logarithm, g), give(lu, l), give(pivots, p)};
}
FourOut solve_ex_out(const at::Tensor& a, const at::Tensor& b, bool left, bool check, at::Tensor& result,
                     at::Tensor& lu, at::Tensor& pivots, at::Tensor& info) {
  auto [r, l, p, i] = solve_ex(a, b, left, check);
  return {give(result, r), give(lu, l), give(pivots, p), give(info, i)};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"linalg_inv_ex", inv_ex>(m);
  impl<"linalg_inv_ex.inverse", inv_ex_out, Overlap::part>(m);
  impl<"_linalg_det", det_npu>(m);
  impl<"_linalg_det.result", det_out, Overlap::part>(m);
  impl<"_linalg_slogdet", slogdet_npu>(m);
  impl<"_linalg_slogdet.sign", slogdet_out, Overlap::part>(m);
  impl<"_linalg_solve_ex", solve_ex>(m);
  impl<"_linalg_solve_ex.result", solve_ex_out, Overlap::part>(m);
  impl<"lu_unpack", lu_unpack>(m);
  impl<"lu_unpack.out", lu_unpack_out>(m);
  impl<"linalg_lu_solve", lu_solve>(m);
  impl<"linalg_lu_solve.out", lu_solve_out, Overlap::part>(m);
}

}  // namespace npu::ops
