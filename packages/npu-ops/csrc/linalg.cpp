// SPDX-License-Identifier: BSD-3-Clause
// Singular values, of which CANN gives V and PyTorch wants its transpose, and triangular systems, which CANN
// solves from the left only. These and orthogonal factors are the CPU's on SoCs for which CANN has none.
#include <ATen/native/LinearAlgebraUtils.h>
#include <ATen/ops/_linalg_check_errors.h>
#include <ATen/ops/_linalg_svd_meta.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_qr_meta.h>
#include <ATen/ops/triangular_solve_meta.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "aclnn_ops.h"
#include "devices.h"
#include "kernel.h"
#include "soc.h"
#include "structured.h"

namespace npu::ops {
namespace {

constexpr DtypeSet kExact = dtypes("fdFD");

// LAPACK's `info`, -4 for a matrix that is not finite, makes torch's LinAlgError; CANN's operator would fail
// the device. The least and the largest number tell, both NaN if any is. Waits for them, as torch does for
// `info` on its other devices; while a graph is captured nobody can.
void check_finite(const char* op, const at::Tensor& a) {
  const auto* impl = c10::impl::getDeviceGuardImpl(a.device().type());
  if (impl->isStreamCapturing(impl->getStream(a.device()))) return;
  const at::Tensor parts = a.is_complex() ? at::view_as_real(a) : a;
  Dims dims, sizes{2};
  for (int64_t d = 0; d < parts.dim(); ++d)
    (d < a.dim() - 2 ? sizes : dims).push_back(d < a.dim() - 2 ? parts.size(d) : d);
  const at::Tensor ends = empty(sizes, parts.scalar_type());
  launch<aclnnAminmax>(parts, at::IntArrayRef(dims), /*keepdim=*/false, ends[0], ends[1]);
  const at::Tensor bad = at::isfinite(ends.cpu()).all(0).logical_not();
  at::_linalg_check_errors(bad.to(at::kInt).mul_(-4), op, a.dim() == 2);
}

struct svd_op {
  using Meta = at::meta::structured__linalg_svd;
  static constexpr const char* name = "linalg_svd";
  static constexpr size_t outputs = 3;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 3>& m, const at::Tensor& a, bool full, bool vectors,
                    std::optional<c10::string_view> driver) {
    m.meta(a, full, vectors, driver);
  }
  static void run(Call& k, const at::Tensor& a, bool full, bool vectors, std::optional<c10::string_view>) {
    check_dtype(name, a, kExact);
    const at::Tensor &u = k.out(0, 0), &s = k.out(1, 0), &vh = k.out(2, 0);
    if (a.numel() == 0) {
      for (const at::Tensor& t : {u, vh})
        if (t.numel()) t.zero_().diagonal(0, -2, -1).fill_(1);
      return;
    }
    check_soc(name, "finds no singular values");
    check_finite("linalg.svd", a);
    launch<aclnnSvd>(a, full, vectors, s, u, vectors ? vh.transpose(-2, -1) : vh);
  }
};

std::tuple<at::Tensor, at::Tensor, at::Tensor> svd(const at::Tensor& a, bool full, bool vectors,
                                                   std::optional<c10::string_view> driver) {
  return run_functional<svd_op>(a, full, vectors, driver);
}

std::tuple<at::Tensor&, at::Tensor&, at::Tensor&> svd_out(const at::Tensor& a, bool full, bool vectors,
                                                          std::optional<c10::string_view> driver,
                                                          at::Tensor& u, at::Tensor& s, at::Tensor& vh) {
  return run_out<svd_op>(std::tie(u, s, vh), a, full, vectors, driver);
}

struct qr_op {
  using Meta = at::meta::structured_linalg_qr;
  static constexpr const char* name = "linalg_qr";
  static constexpr size_t outputs = 2;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 2>& m, const at::Tensor& a, c10::string_view mode) { m.meta(a, mode); }
  static void run(Call& k, const at::Tensor& a, c10::string_view mode) {
    constexpr DtypeSet kTaken = dtypes("fhdFD");
    check_soc(name, "makes no orthogonal factors", {"Ascend310", "Ascend950"});
    launch<aclnnLinalgQr>(k.in(a, kTaken), choice(name, mode, {"reduced", "complete", "r"}), k.out(0, kTaken),
                          k.out(1, kTaken));
  }
};

std::tuple<at::Tensor, at::Tensor> qr(const at::Tensor& a, c10::string_view mode) {
  return run_functional<qr_op>(a, mode);
}

std::tuple<at::Tensor&, at::Tensor&> qr_out(const at::Tensor& a, c10::string_view mode, at::Tensor& q,
                                            at::Tensor& r) {
  return run_out<qr_op>(std::tie(q, r), a, mode);
}

constexpr const char* kSolvesNone = "solves no triangular systems";

struct triangular_op {
  using Meta = at::meta::structured_triangular_solve;
  static constexpr const char* name = "triangular_solve";
  static constexpr size_t outputs = 2;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 2>& m, const at::Tensor& b, const at::Tensor& a, bool upper, bool transpose,
                    bool unitriangular) {
    m.meta(b, a, upper, transpose, unitriangular);
  }
  static void run(Call& k, const at::Tensor& b, const at::Tensor& a, bool upper, bool transpose,
                  bool unitriangular) {
    check_soc(name, kSolvesNone, {"Ascend310"});
    launch<aclnnTriangularSolve>(k.in(b, kExact), k.in(a, kExact), upper, transpose, unitriangular,
                                 k.out(0, kExact), k.out(1, kExact));
  }
};

std::tuple<at::Tensor, at::Tensor> triangular(const at::Tensor& b, const at::Tensor& a, bool upper,
                                              bool transpose, bool unitriangular) {
  return run_functional<triangular_op>(b, a, upper, transpose, unitriangular);
}

std::tuple<at::Tensor&, at::Tensor&> triangular_out(const at::Tensor& b, const at::Tensor& a, bool upper,
                                                    bool transpose, bool unitriangular, at::Tensor& x,
                                                    at::Tensor& m) {
  return run_out<triangular_op>(std::tie(x, m), b, a, upper, transpose, unitriangular);
}

// A X = B, or X A = B, whose transpose is a system of the transpose of A. torch leaves the conjugation of a
// view to this operator.
at::Tensor solve(const at::Tensor& a, const at::Tensor& b, bool upper, bool left, bool unitriangular) {
  c10::DeviceGuard guard(common_device("linalg_solve_triangular", false, a, b));
  at::native::checkInputsSolver(a, b, left, "linalg.solve_triangular");
  auto [rhs, factor] =
      at::native::_linalg_broadcast_batch_dims(b.resolve_conj(), a.resolve_conj(), /*name=*/nullptr);
  for (const at::Tensor& t : {rhs, factor}) check_dtype("linalg_solve_triangular", t, kExact);
  // Column-major, as torch's fake kernel has it.
  at::Tensor x = empty(rhs.transpose(-2, -1).sizes(), rhs.scalar_type()).transpose(-2, -1);
  if (x.numel() == 0) return x;
  check_soc("linalg_solve_triangular", kSolvesNone, {"Ascend310"});
  // A column-major factor goes as the transpose of its transpose, without a copy.
  const bool turned = !factor.is_contiguous() && factor.transpose(-2, -1).is_contiguous();
  const at::Tensor dense_factor = dense(turned ? factor.transpose(-2, -1) : factor);
  const at::Tensor scratch = empty(factor.sizes(), factor.scalar_type());
  if (left) {
    launch<aclnnTriangularSolve>(dense(rhs), dense_factor, upper != turned, /*transpose=*/turned,
                                 unitriangular, x, scratch);
    return x;
  }
  const at::Tensor columns = dense(rhs.transpose(-2, -1));
  at::Tensor y = empty(columns.sizes(), columns.scalar_type());
  launch<aclnnTriangularSolve>(columns, dense_factor, upper != turned, /*transpose=*/!turned, unitriangular,
                               y, scratch);
  return y.transpose(-2, -1);
}

at::Tensor& solve_out(const at::Tensor& a, const at::Tensor& b, bool upper, bool left, bool unitriangular,
                      at::Tensor& out) {
  at::Tensor x = solve(a, b, upper, left, unitriangular);
  c10::DeviceGuard guard(x.device());
  TORCH_CHECK(out.scalar_type() == x.scalar_type(),
              "linalg.solve_triangular: Expected out tensor to have dtype ", x.scalar_type(), " but got ",
              out.scalar_type());
  resize_out(out, x.sizes(), {}, x.options());
  device_copy(out, x);
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_linalg_svd", svd>(m);
  impl<"_linalg_svd.U", svd_out, Overlap::part>(m);
  impl<"linalg_qr", qr>(m);
  impl<"linalg_qr.out", qr_out, Overlap::part>(m);
  impl<"triangular_solve", triangular>(m);
  impl<"triangular_solve.X", triangular_out, Overlap::part>(m);
  impl<"linalg_solve_triangular", solve>(m);
  impl<"linalg_solve_triangular.out", solve_out, Overlap::part>(m);
}

}  // namespace npu::ops
