// SPDX-License-Identifier: BSD-3-Clause
// remainder. CANN's own takes float32, float16 and int32, bfloat16 without a result in it, and other dtypes
// against a number only. So bfloat16 is computed in float32, and the other integers as
// a - floor(a / b) * b, which is exact for them.
#include <ATen/ops/remainder_meta.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "structured.h"

namespace npu::ops {
namespace {

struct remainder_op {
  using Meta = at::meta::structured_remainder_Tensor;
  static constexpr const char* name = "remainder";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  static void shape(OutputsOf<remainder_op>& m, const at::Tensor& self, const at::Tensor& other) {
    m.meta(self, other);
  }
  static void run(Call& k, const at::Tensor& self, const at::Tensor& other) {
    constexpr DtypeSet tensors = dtypes("fhbi"), with_number = dtypes("ilfhdb"), divided = dtypes("lscu");
    constexpr int32_t floor = 2;
    at::Tensor a = k.in(self, tensors | with_number | divided);
    if (is_host_scalar(other) && (with_number & bit(a.scalar_type())))
      return launch<aclnnRemainderTensorScalar>(a, host_scalar(other), k.out(0, with_number | divided));
    at::Tensor b = k.in(other, tensors | divided);
    if (a.scalar_type() == at::kBFloat16)
      return launch<aclnnRemainderTensorTensor>(cast(a, at::kFloat), cast(b, at::kFloat),
                                                k.out(0, tensors, at::kFloat));
    const at::Tensor& out = k.out(0, tensors | divided);
    if (tensors & bit(a.scalar_type())) return launch<aclnnRemainderTensorTensor>(a, b, out);
    at::Tensor quotient = empty(out.sizes(), a.scalar_type());
    launch<aclnnDivMod>(a, b, floor, quotient);
    launch<aclnnMul>(quotient, b, quotient);
    launch<aclnnSub>(a, quotient, c10::Scalar(1), out);
  }
};

at::Tensor remainder(const at::Tensor& self, const at::Tensor& other) {
  return run_functional<remainder_op>(self, other);
}
at::Tensor& remainder_(at::Tensor& self, const at::Tensor& other) {
  return run_inplace<remainder_op>(self, other);
}
at::Tensor& remainder_out(const at::Tensor& self, const at::Tensor& other, at::Tensor& out) {
  return std::get<0>(run_out<remainder_op>(std::tie(out), self, other));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"remainder.Tensor", remainder>(m);
  impl<"remainder_.Tensor", remainder_>(m);
  impl<"remainder.Tensor_out", remainder_out>(m);
}

}  // namespace npu::ops
