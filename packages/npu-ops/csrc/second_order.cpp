// SPDX-License-Identifier: BSD-3-Clause
// Second derivatives in halves. PyTorch's formulas of these are dozens of operators in a row whose terms
// nearly cancel; in halves each would be rounded. So a first derivative that is itself to be derived is that
// of float32, between two conversions, and the formula runs in float32. Nothing else goes that way.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/grid_sampler_2d_backward_ops.h>
#include <ATen/ops/grid_sampler_3d_backward_ops.h>
#include <ATen/ops/native_batch_norm_backward_ops.h>
#include <torch/library.h>

#include "derivatives.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;
using Two = std::tuple<at::Tensor, at::Tensor>;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

bool half(const at::Tensor& t) { return at::isReducedFloatingType(t.scalar_type()); }
bool derived(const at::Tensor& t) { return t.defined() && t.requires_grad(); }
bool derived(const MaybeTensor& t) { return t && derived(*t); }

at::Tensor wide(const at::Tensor& t) { return t.defined() && half(t) ? t.to(at::kFloat) : t; }
MaybeTensor wide(const MaybeTensor& t) { return t ? MaybeTensor(wide(*t)) : t; }
at::Tensor as(const at::Tensor& t, const at::Tensor& like) {
  return t.defined() ? t.to(like.scalar_type()) : t;
}

template <class Op>
Two grid_sampler_backward(c10::DispatchKeySet keys, const at::Tensor& grad, const at::Tensor& input,
                          const at::Tensor& grid, int64_t mode, int64_t padding, bool align,
                          std::array<bool, 2> mask) {
  const bool again = at::GradMode::is_enabled() && (derived(grad) || derived(input) || derived(grid));
  if (!again || !half(input))
    return Op::redispatch(torchs_autograd(keys), grad, input, grid, mode, padding, align, mask);
  const auto [of_input, of_grid] = Op::call(wide(grad), wide(input), wide(grid), mode, padding, align, mask);
  return {as(of_input, input), as(of_grid, grid)};
}

Three batch_norm_backward(c10::DispatchKeySet keys, const at::Tensor& grad, const at::Tensor& input,
                          const MaybeTensor& weight, const MaybeTensor& running_mean,
                          const MaybeTensor& running_var, const MaybeTensor& mean, const MaybeTensor& invstd,
                          bool train, double eps, std::array<bool, 3> mask) {
  using Op = at::_ops::native_batch_norm_backward;
  const bool again = at::GradMode::is_enabled() && (derived(grad) || derived(input) || derived(weight));
  if (!again || !half(input))
    return Op::redispatch(torchs_autograd(keys), grad, input, weight, running_mean, running_var, mean, invstd,
                          train, eps, mask);
  const auto [of_input, of_weight, of_bias] =
      Op::call(wide(grad), wide(input), wide(weight), wide(running_mean), wide(running_var), wide(mean),
               wide(invstd), train, eps, mask);
  const at::Tensor& like = weight && weight->defined() ? *weight : input;
  return {as(of_input, input), as(of_weight, like), as(of_bias, like)};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, AutogradPrivateUse1, m) {
  m.impl("grid_sampler_2d_backward", TORCH_FN(grid_sampler_backward<at::_ops::grid_sampler_2d_backward>));
  m.impl("grid_sampler_3d_backward", TORCH_FN(grid_sampler_backward<at::_ops::grid_sampler_3d_backward>));
  m.impl("native_batch_norm_backward", TORCH_FN(batch_norm_backward));
}

}  // namespace npu::ops
