// SPDX-License-Identifier: BSD-3-Clause
// Shape rules of losses, beside those of shapes.h.
#pragma once

#include "shapes.h"

namespace npu::ops::shape {

// The gradient of a loss: the operand's dtype, and the shape that it, its target and the loss's own gradient
// broadcast to. Under vmap any of them may be the larger one.
struct gradient : like {
  void meta(const at::Tensor& self, const at::Tensor& target, const at::Tensor& grad);
};

}  // namespace npu::ops::shape
