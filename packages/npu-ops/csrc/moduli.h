// SPDX-License-Identifier: BSD-3-Clause
// How large complex numbers are, where CANN's operator does not take their dtype.
#pragma once

#include <ATen/core/Tensor.h>

namespace npu::ops {

// The moduli of numbers whose real and imaginary parts have the sizes `parts` in its last dimension of two:
// 7 launches. Neither squares of large parts overflow nor those of small ones vanish. NaN if any part is.
at::Tensor moduli(const at::Tensor& parts);
void moduli(const at::Tensor& parts, const at::Tensor& out);

}  // namespace npu::ops
