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

// Halves are summed in float32, and the norms stay so, as the CPU has them.
c10::ScalarType wide(const at::Tensor& t) {
  return at::isReducedFloatingType(t.scalar_type()) ? at::kFloat : t.scalar_type();
}

Two weight_norm(const at::Tensor& v, const at::Tensor& g, int64_t dim) {
  const at::Tensor long_v = v.to(wide(v)), norms = at::norm_except_dim(long_v, 2, dim);
  return {long_v.mul(g.to(wide(v)).div(norms)).to(v.scalar_type()), norms};
}

Two weight_norm_backward(const at::Tensor& grad, const at::Tensor& v, const at::Tensor& g,
                         const at::Tensor& norms, int64_t dim) {
  TORCH_CHECK(dim == 0 || dim == v.dim() - 1, "Expected dim to be the first or last dimension");
  const at::Tensor long_v = v.to(wide(v)), long_grad = grad.to(wide(v));
  const at::Tensor along = sum_except(long_grad.mul(long_v), dim);  // how far v grows, times |v|
  const at::Tensor of_g = along.div(norms), scale = g.to(wide(v)).div(norms);
  const at::Tensor of_v = scale.mul(long_grad.sub(long_v.mul(of_g.div(norms))));
  return {of_v.to(v.scalar_type()), of_g.to(g.scalar_type())};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_weight_norm_interface", weight_norm>(m);
  impl<"_weight_norm_interface_backward", weight_norm_backward>(m);
}

}  // namespace npu::ops
