// SPDX-License-Identifier: BSD-3-Clause
// Weights as a direction times a length for each slice: w = v * g / |v|, torch.nn.utils.weight_norm.
#include <ATen/core/Tensor.h>
#include <ATen/ops/norm_except_dim.h>

#include "kernel.h"

namespace npu::ops {
namespace {

using Two = std::tuple<at::Tensor, at::Tensor>;

// The sum of all but dimension `dim`, which is the first or the last.
at::Tensor sum_except(const at::Tensor& t, int64_t dim) {
  at::DimVector others;
  for (int64_t d = 0; d < t.dim(); ++d)
    if (d != dim) others.push_back(d);
  return others.empty() ? t : t.sum(others, /*keepdim=*/true);
}

Two weight_norm(const at::Tensor& v, const at::Tensor& g, int64_t dim) {
  const at::Tensor norms = at::norm_except_dim(v, 2, dim);
  return {v.mul(g.div(norms)), norms};
}

Two weight_norm_backward(const at::Tensor& grad, const at::Tensor& v, const at::Tensor& g,
                         const at::Tensor& norms, int64_t dim) {
  TORCH_CHECK(dim == 0 || dim == v.dim() - 1, "Expected dim to be the first or last dimension");
  const at::Tensor along = sum_except(grad.mul(v), dim);  // how far the gradient lengthens v, times |v|
  const at::Tensor of_g = along.div(norms);
  const at::Tensor scale = g.div(norms);
  return {scale.mul(grad.sub(v.mul(of_g.div(norms)))), of_g};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_weight_norm_interface", weight_norm>(m);
  impl<"_weight_norm_interface_backward", weight_norm_backward>(m);
}

}  // namespace npu::ops
