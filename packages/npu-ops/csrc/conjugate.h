// SPDX-License-Identifier: BSD-3-Clause
// Conjugated complex numbers, which CANN has no operator for.
#pragma once

#include <ATen/core/Tensor.h>

namespace npu::ops {

// Writes the conjugates of `src` to `dst`, of its shape, dtype and device. They may be the same memory. One
// launch: the parts times 1 and -1.
void conjugate(const at::Tensor& dst, const at::Tensor& src);

}  // namespace npu::ops
