// SPDX-License-Identifier: BSD-3-Clause
// The exact product of matrices of integers.
#pragma once

#include <ATen/core/Tensor.h>

namespace npu::ops {

// a (B, M, K) times b (B, K, N), of one integer dtype: (B, M, N) of that dtype,
// which wraps as the CPU's does;
// `out` if it is given. RefusedDtype, before `out` is written, if they need too many launches.
at::Tensor integer_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out = {});

}  // namespace npu::ops
