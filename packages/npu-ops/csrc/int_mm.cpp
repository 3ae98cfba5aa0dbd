// SPDX-License-Identifier: BSD-3-Clause
// The product of int8 matrices in int32. CANN's operators for it want scales; in float32, whose sums are
// exact up to 2^24, it is that of at most 1024 columns at a time, in whatever precision the cube units are
// allowed.
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

constexpr int64_t kExactColumns = 1024;  // 2^24 / (128 * 128)

at::Tensor int_mm(const at::Tensor& a, const at::Tensor& b) {
  c10::DeviceGuard guard(common_device("_int_mm", false, a, b));
  TORCH_CHECK(a.dim() == 2, "Expected self to be of dimension 2 but got ", a.dim());
  TORCH_CHECK(b.dim() == 2, "Expected mat2 to be of dimension 2 but got ", b.dim());
  TORCH_CHECK(a.size(1) == b.size(0), "self.size(1) needs to match mat2.size(0) but got ", a.size(1), " and ",
              b.size(0));
  for (const auto& [name, t] : {std::pair("self", a), std::pair("mat2", b)})
    TORCH_CHECK(t.scalar_type() == at::kChar, "Expected ", name, " dtype to be of type int8 but got ",
                t.dtype());
  at::Tensor out = at::zeros({a.size(0), b.size(1)}, a.options().dtype(at::kInt));
  if (out.numel() == 0) return out;
  const at::Tensor left = cast(a, at::kFloat), right = cast(b, at::kFloat);
  for (int64_t from = 0; from < a.size(1); from += kExactColumns) {
    const int64_t n = std::min(kExactColumns, a.size(1) - from);
    const at::Tensor part = empty(out.sizes(), at::kFloat);
    launch<aclnnMm>(left.narrow(1, from, n), right.narrow(0, from, n), part, cube_math());
    out.add_(cast(part, at::kInt));
  }
  return out;
}

at::Tensor& int_mm_out(const at::Tensor& a, const at::Tensor& b, at::Tensor& out) {
  TORCH_CHECK(out.scalar_type() == at::kInt, "Expected result dtype to be of type kInt but got ",
              out.dtype());
  return give(out, int_mm(a, b));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_int_mm", int_mm>(m);
  impl<"_int_mm.out", int_mm_out>(m);
}

}  // namespace npu::ops
