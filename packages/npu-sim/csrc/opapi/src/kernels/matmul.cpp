// SPDX-License-Identifier: BSD-3-Clause
// Matrix products.
#include <ATen/ops/addmm.h>
#include <ATen/ops/addmv.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>

#include "../kernel.h"

namespace npu_sim::ops {

namespace {

// What a product of operands in `type` is computed in. As the Cube does, halves are multiplied exactly, added
// in float32 and rounded once; torch's own kernels for them differ between processors, and those for float16
// take twenty times as long as float32's.
at::ScalarType computed_in(at::ScalarType type) {
  return at::isReducedFloatingType(type) ? at::kFloat : type;
}

// Calls f(a, b) with both inputs in the dtype that their product is computed in.
template <class F>
at::Tensor promoted(In a, In b, F f) {
  const auto type = computed_in(c10::promoteTypes(a.scalar_type(), b.scalar_type()));
  return f(a.to(type), b.to(type));
}

// Whether torch can write into the output: it wants it in the dtype that it computes in, CANN casts.
bool direct(In a, In b, In out) {
  return a.scalar_type() == b.scalar_type() && a.scalar_type() == out.scalar_type() &&
         computed_in(out.scalar_type()) == out.scalar_type();
}

}  // namespace

namespace {

constexpr auto mm = [](In self, In mat2, Out out, int64_t) {
  if (direct(self, mat2, out))
    at::mm_out(out, self, mat2);
  else
    out.copy_(promoted(self, mat2, [](In a, In b) { return at::mm(a, b); }));
};
constexpr auto bmm = [](In self, In mat2, Out out, int64_t) {
  if (direct(self, mat2, out) && self.size(0) == mat2.size(0))
    at::bmm_out(out, self, mat2);
  else
    out.copy_(promoted(self, mat2, [](In a, In b) { return at::matmul(a, b); }));
};
constexpr auto addmm = [](In self, In mat1, In mat2, Num beta, Num alpha, Out out, int64_t) {
  const auto type = out.scalar_type();
  if (direct(mat1, mat2, out))
    at::addmm_out(out, self.to(type), mat1, mat2, beta, alpha);
  else
    out.copy_(promoted(mat1, mat2,
                       [&](In a, In b) { return at::addmm(self.to(a.scalar_type()), a, b, beta, alpha); }));
};

}  // namespace

NPU_SIM_KERNEL(aclnnMm, rules::mm, rules::output_bytes) = mm;
NPU_SIM_KERNEL(aclnnMatmul, rules::matmul, rules::output_bytes) = [](In self, In mat2, Out out, int64_t) {
  if (direct(self, mat2, out))
    at::matmul_out(out, self, mat2);
  else
    out.copy_(promoted(self, mat2, [](In a, In b) { return at::matmul(a, b); }));
};
NPU_SIM_KERNEL(aclnnBatchMatMul, rules::bmm, rules::output_bytes) = bmm;
NPU_SIM_KERNEL(aclnnAddmm, rules::addmm, rules::output_bytes) = addmm;
// The same with the second factor in blocks, which the Cube reads faster.
NPU_SIM_KERNEL(aclnnMatmulWeightNz, rules::mm_nz, rules::output_bytes, 1 << 1) = mm;
NPU_SIM_KERNEL(aclnnBatchMatMulWeightNz, rules::bmm_nz, rules::output_bytes, 1 << 1) = bmm;
NPU_SIM_KERNEL(aclnnAddmmWeightNz, rules::addmm_nz, rules::output_bytes, 1 << 2) = addmm;
NPU_SIM_KERNEL(aclnnAddmv, rules::addmv, rules::output_bytes) = [](In self, In mat, In vec, Num alpha,
                                                                   Num beta, Out out, int64_t) {
  const auto type = computed_in(out.scalar_type());
  if (type == out.scalar_type())
    at::addmv_out(out, self.to(type), mat.to(type), vec.to(type), beta, alpha);
  else
    out.copy_(at::addmv(self.to(type), mat.to(type), vec.to(type), beta, alpha));
};
NPU_SIM_KERNEL(aclnnBaddbmm, rules::baddbmm, rules::output_bytes) =
    [](In self, In batch1, In batch2, Num beta, Num alpha, Out out, int64_t) {
      const auto type = computed_in(out.scalar_type());
      if (type == out.scalar_type())
        at::baddbmm_out(out, self.to(type), batch1.to(type), batch2.to(type), beta, alpha);
      else
        out.copy_(at::baddbmm(self.to(type), batch1.to(type), batch2.to(type), beta, alpha));
    };
NPU_SIM_KERNEL(aclnnDot, rules::dot) = [](In self, In tensor, Out out) {
  out.copy_(promoted(self, tensor, [](In a, In b) { return at::dot(a, b); }).view(out.sizes()));
};

}  // namespace npu_sim::ops
