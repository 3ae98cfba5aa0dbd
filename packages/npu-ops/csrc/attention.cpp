// SPDX-License-Identifier: BSD-3-Clause
// Attention out of products and a softmax, as PyTorch composes it, in fewer launches.
#include <ATen/ops/_scaled_dot_product_attention_math_native.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>
#include <c10/core/DeviceGuard.h>

#include <limits>

#include "kernel.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;
constexpr double kHidden = -std::numeric_limits<double>::infinity();

// A row of which everything is hidden becomes zeros, where softmax has NaN. Its largest score tells it, one
// number a row, where PyTorch's composite looks at every score.
at::Tensor safe_softmax(const at::Tensor& self, int64_t dim, std::optional<c10::ScalarType> dtype) {
  c10::DeviceGuard guard(self.device());
  at::Tensor out = at::softmax(self, dim, dtype);
  if (self.numel() == 0) return out;
  return out.masked_fill_(at::eq(at::amax(self, dim, /*keepdim=*/true), kHidden), 0);
}

// Attention in the query's order of heads and places, as torch's fused kernels on the CPU and CUDA give it:
// who made heads by a transpose takes them together by a view.
std::tuple<at::Tensor, at::Tensor> ordered(const at::Tensor& query, const at::Tensor& value, double dropout,
                                           std::tuple<at::Tensor, at::Tensor> result) {
  if (query.is_nested() || query.dim() != 4 || value.dim() != 4 || dropout != 0) return result;
  if (query.sym_size(-1) != value.sym_size(-1) || query.sym_stride(1) >= query.sym_stride(2)) return result;
  auto& out = std::get<0>(result);
  out = out.transpose(1, 2).contiguous().transpose(1, 2);
  return result;
}

// What lies in the future is hidden by a mask of the scores, which are float32 where the operands are halves;
// PyTorch's composite makes it out of a bool one.
std::tuple<at::Tensor, at::Tensor> attention(const at::Tensor& query, const at::Tensor& key,
                                             const at::Tensor& value, const MaybeTensor& mask, double dropout,
                                             bool causal, const MaybeTensor& dropout_mask,
                                             std::optional<double> scale, bool shared_heads) {
  if (!causal || mask || query.is_nested() || key.is_nested() || query.dim() < 2 || key.dim() < 2)
    return ordered(query, value, dropout,
                   at::native::_scaled_dot_product_attention_math(query, key, value, mask, dropout, causal,
                                                                  dropout_mask, scale, shared_heads));
  const auto dtype = at::isReducedFloatingType(query.scalar_type()) ? at::kFloat : query.scalar_type();
  const at::Tensor future =
      at::full_symint({query.sym_size(-2), key.sym_size(-2)}, kHidden, query.options().dtype(dtype)).triu_(1);
  return ordered(
      query, value, dropout,
      at::native::_scaled_dot_product_attention_math(query, key, value, future, dropout,
                                                     /*causal=*/false, dropout_mask, scale, shared_heads));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_safe_softmax", safe_softmax>(m);
  m.impl("_scaled_dot_product_attention_math", attention);
}

TORCH_LIBRARY_IMPL(aten, AutogradPrivateUse1, m) { m.impl("_scaled_dot_product_attention_math", attention); }

}  // namespace npu::ops
