// SPDX-License-Identifier: BSD-3-Clause
// Norms of vectors. CANN has those of float32 and halves; of float64 they are sums here, and of complex
// numbers the norms of their magnitudes.
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/linalg_vector_norm_meta.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/sum.h>

#include <cmath>

#include "aclnn_ops.h"
#include "kernel.h"
#include "structured.h"

namespace npu::ops {
namespace {

at::Tensor norm_of(const at::Tensor& x, double ord, const Dims& dims, bool keepdim) {
  if (ord == 0) return at::sum(at::ne(x, 0), dims, keepdim, x.scalar_type());
  if (ord == 1) return at::sum(at::abs(x), dims, keepdim);
  if (ord == 2) return at::sqrt(at::sum(at::mul(x, x), dims, keepdim));
  if (std::isinf(ord))
    return ord > 0 ? at::amax(at::abs(x), dims, keepdim) : at::amin(at::abs(x), dims, keepdim);
  return at::pow(at::sum(at::pow(at::abs(x), ord), dims, keepdim), 1 / ord);
}

struct vector_norm_op {
  using Meta = at::meta::structured_linalg_vector_norm;
  static constexpr const char* name = "linalg_vector_norm";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, const c10::Scalar& ord,
                    at::OptionalIntArrayRef dim, bool keepdim, std::optional<at::ScalarType> dtype) {
    m.meta(self, ord, dim, keepdim, dtype);
  }
  static void run(Call& k, const at::Tensor& self, const c10::Scalar& ord, at::OptionalIntArrayRef dim,
                  bool keepdim, std::optional<at::ScalarType>) {
    constexpr DtypeSet floats = dtypes("fhb");
    const auto dtype = k.dtype(0);
    const at::Tensor x = self.is_complex() ? at::abs(self) : self;
    if (dtype != at::kDouble)
      return launch<aclnnNorm>(k.as(x, dtype, floats), ord, all_dims(dim, x), keepdim, k.out(0, floats));
    device_copy(k.out(0, 0), norm_of(k.as(x, dtype, 0), ord.toDouble(), all_dims(dim, x), keepdim));
  }
};

at::Tensor vector_norm(const at::Tensor& self, const c10::Scalar& ord, at::OptionalIntArrayRef dim,
                       bool keepdim, std::optional<at::ScalarType> dtype) {
  return run_functional<vector_norm_op>(self, ord, dim, keepdim, dtype);
}
at::Tensor& vector_norm_out(const at::Tensor& self, const c10::Scalar& ord, at::OptionalIntArrayRef dim,
                            bool keepdim, std::optional<at::ScalarType> dtype, at::Tensor& out) {
  return std::get<0>(run_out<vector_norm_op>(std::tie(out), self, ord, dim, keepdim, dtype));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"linalg_vector_norm", vector_norm>(m);
  impl<"linalg_vector_norm.out", vector_norm_out, Overlap::part>(m);
}

}  // namespace npu::ops
