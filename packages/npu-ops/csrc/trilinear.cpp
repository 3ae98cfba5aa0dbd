// SPDX-License-Identifier: BSD-3-Clause
// Sums of products of three tensors, which torch.nn.functional.bilinear is: contracted two by two as
// matrices, where PyTorch's own kernel goes slice by slice.
#include <ATen/ops/einsum.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <string>

#include "call.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

// Each operand lacks the dimensions that it is expanded in, and the result those that are summed.
at::Tensor trilinear(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c, at::IntArrayRef expand_a,
                     at::IntArrayRef expand_b, at::IntArrayRef expand_c, at::IntArrayRef summed,
                     int64_t unroll) {
  c10::DeviceGuard guard(common_device("_trilinear", false, a, b, c));
  const auto dims = a.dim() + static_cast<int64_t>(expand_a.size());
  TORCH_CHECK(unroll >= 0 && unroll < dims, "unroll_dim must be in [0,", dims - 1, "]");
  auto letters = [dims](at::IntArrayRef without) {
    std::string text;
    for (int64_t d = 0; d < dims; ++d)
      if (std::find(without.begin(), without.end(), d) == without.end()) text += static_cast<char>('a' + d);
    return text;
  };
  const std::string equation =
      letters(expand_a) + ',' + letters(expand_b) + ',' + letters(expand_c) + "->" + letters(summed);
  // What lies between the two products of halves is not rounded to them.
  const auto dtype = a.scalar_type();
  if (!at::isReducedFloatingType(dtype)) return at::einsum(equation, {a, b, c});
  return cast(at::einsum(equation, {cast(a, at::kFloat), cast(b, at::kFloat), cast(c, at::kFloat)}), dtype);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) { impl<"_trilinear", trilinear>(m); }

}  // namespace npu::ops
