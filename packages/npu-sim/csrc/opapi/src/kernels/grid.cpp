// SPDX-License-Identifier: BSD-3-Clause
// Sampling an image or volume where a grid says, and grids of affine maps.
#include <ATen/ops/affine_grid_generator.h>
#include <ATen/ops/grid_sampler_2d.h>
#include <ATen/ops/grid_sampler_2d_backward.h>
#include <ATen/ops/grid_sampler_3d.h>
#include <ATen/ops/grid_sampler_3d_backward.h>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using Mask = at::ArrayRef<bool>;

// A batch of images, and of grids with as many coordinates a point as the images have dims: the images'
// channels at the grid's points.
template <uint32_t kDims>
rules::Shape sampled(const Call& c) {
  const auto &in = rules::at(c, "input"), &grid = rules::at(c, "grid");
  for (auto [name, t] : {std::pair("input", &in), std::pair("grid", &grid)})
    if (t->ndim != kDims + 2) rules::refuse(c, name, nnop::describe(*t), std::to_string(kDims + 2) + " dims");
  if (grid.sizes()[0] != in.sizes()[0] || grid.sizes().back() != kDims)
    rules::refuse(c, "grid", nnop::describe(grid),
                  "a grid of " + std::to_string(kDims) + " coordinates for each of " + nnop::describe(in));
  for (auto [name, most] : {std::pair("interpolationMode", 2), std::pair("paddingMode", 2)})
    if (const int64_t v = rules::number(c, name); v < 0 || v > most)
      rules::refuse(c, name, std::to_string(v), "0 to " + std::to_string(most));
  rules::Shape s{in.sizes()[0], in.sizes()[1]};
  for (uint32_t i = 0; i < kDims; ++i) s.push_back(grid.sizes()[1 + i]);
  return s;
}
template <uint32_t kDims>
void sample(const Call& c) {
  rules::expect_outputs(c, sampled<kDims>(c), "the input's channels at the grid's points");
}
template <uint32_t kDims>
void sample_backward(const Call& c) {
  rules::expect_shape(c, "gradOutput", rules::at(c, "gradOutput"), sampled<kDims>(c),
                      "the input's channels at the grid's points");
  for (auto [name, of] : {std::pair("inputGrad", "input"), std::pair("gridGrad", "grid")})
    if (const auto* t = rules::optional(c, name); t && t->numel())
      rules::expect_shape(c, name, *t, rules::at(c, of).sizes(), "that of what it is the gradient of");
}

// [N, C, H, W] by [N, 2, 3], or a dim more of each.
void affine_grid(const Call& c) {
  const rules::Sizes size = rules::numbers(c, "size");
  if (size.size() != 4 && size.size() != 5) rules::refuse(c, "size", rules::text(size), "4 or 5 numbers");
  const auto dims = static_cast<int64_t>(size.size()) - 2;
  const int64_t maps[] = {size[0], dims, dims + 1};
  rules::expect_shape(c, "theta", rules::at(c, "theta"), maps, "a map for each of the batch");
  rules::Shape s{size[0]};
  s.append(size.begin() + 2, size.end());
  s.push_back(dims);
  rules::expect_outputs(c, s, "a point for each pixel");
}

}  // namespace

NPU_SIM_KERNEL(aclnnGridSampler2D, sample<2>) = [](In input, In grid, int64_t mode, int64_t padding,
                                                   bool align, Out out) {
  put(out, at::grid_sampler_2d(wide(input), wide(grid), mode, padding, align));
};
NPU_SIM_KERNEL(aclnnGridSampler2DBackward, sample_backward<2>) = [](In grad, In input, In grid, int64_t mode,
                                                                    int64_t padding, bool align, Mask mask,
                                                                    OptIn input_grad, OptIn grid_grad) {
  auto [i, g] = at::grid_sampler_2d_backward(wide(grad), wide(input), wide(grid), mode, padding, align,
                                             wanted<2>(mask));
  put_wanted(input_grad, i);
  put_wanted(grid_grad, g);
};
NPU_SIM_KERNEL(aclnnGridSampler3D, sample<3>) = [](In input, In grid, int64_t mode, int64_t padding,
                                                   bool align, Out out) {
  put(out, at::grid_sampler_3d(wide(input), wide(grid), mode, padding, align));
};
NPU_SIM_KERNEL(aclnnGridSampler3DBackward, sample_backward<3>) = [](In grad, In input, In grid, int64_t mode,
                                                                    int64_t padding, bool align, Mask mask,
                                                                    OptIn input_grad, OptIn grid_grad) {
  auto [i, g] = at::grid_sampler_3d_backward(wide(grad), wide(input), wide(grid), mode, padding, align,
                                             wanted<2>(mask));
  put_wanted(input_grad, i);
  put_wanted(grid_grad, g);
};
NPU_SIM_KERNEL(aclnnAffineGrid, affine_grid) = [](In theta, at::IntArrayRef size, bool align, Out out) {
  put(out, at::affine_grid_generator(wide(theta), size, align));
};

}  // namespace npu_sim::ops
