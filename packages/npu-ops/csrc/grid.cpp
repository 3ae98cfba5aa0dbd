// SPDX-License-Identifier: BSD-3-Clause
// Sampling images and volumes where a grid says.
#include <ATen/native/GridSamplerUtils.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "call.h"
#include "checks.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using Two = std::tuple<at::Tensor, at::Tensor>;

constexpr DtypeSet kSampled = dtypes("fhdb");

template <int64_t kDims>
void check(const char* op, const at::Tensor& input, const at::Tensor& grid, int64_t mode) {
  at::native::check_grid_sampler_common(input, grid);
  if constexpr (kDims == 2)
    at::native::check_grid_sampler_2d(input, grid);
  else
    at::native::check_grid_sampler_3d(input, grid, mode);
  check::alike(op, input, grid);
  check_dtype(op, input, kSampled);
  check_dtype(op, grid, kSampled);
}

template <int64_t kDims, class Aclnn>
at::Tensor sample(const at::Tensor& input, const at::Tensor& grid, int64_t mode, int64_t padding,
                  bool align) {
  static constexpr const char* op = kDims == 2 ? "grid_sampler_2d" : "grid_sampler_3d";
  c10::DeviceGuard guard(common_device(op, false, input, grid));
  check<kDims>(op, input, grid, mode);
  Dims size{input.size(0), input.size(1)};
  for (int64_t i = 0; i < kDims; ++i) size.push_back(grid.size(1 + i));
  at::Tensor out = empty(size, input.scalar_type());
  if (out.numel()) launch<Aclnn>(input, grid, mode, padding, align, out);
  return out;
}

template <int64_t kDims, class Aclnn>
Two sample_backward(const at::Tensor& grad, const at::Tensor& input, const at::Tensor& grid, int64_t mode,
                    int64_t padding, bool align, std::array<bool, 2> mask) {
  static constexpr const char* op = kDims == 2 ? "grid_sampler_2d_backward" : "grid_sampler_3d_backward";
  c10::DeviceGuard guard(common_device(op, false, grad, input, grid));
  check<kDims>(op, input, grid, mode);
  // CANN writes both, whatever is wanted.
  at::Tensor grad_input = empty(input.sizes(), input.scalar_type()),
             grad_grid = empty(grid.sizes(), grid.scalar_type());
  if (grad.numel() == 0) {
    grad_input.zero_();
    grad_grid.zero_();
  } else {
    launch<Aclnn>(grad, input, grid, mode, padding, align, c10::ArrayRef<bool>(mask), grad_input, grad_grid);
  }
  return {mask[0] ? grad_input : at::Tensor(), mask[1] ? grad_grid : at::Tensor()};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"grid_sampler_2d", sample<2, aclnnGridSampler2D>>(m);
  impl<"grid_sampler_2d_backward", sample_backward<2, aclnnGridSampler2DBackward>>(m);
  impl<"grid_sampler_3d", sample<3, aclnnGridSampler3D>>(m);
  impl<"grid_sampler_3d_backward", sample_backward<3, aclnnGridSampler3DBackward>>(m);
}

}  // namespace npu::ops
