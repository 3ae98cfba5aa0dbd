// SPDX-License-Identifier: BSD-3-Clause
// What PyTorch's kernels refuse, and neither its shape rules nor CANN do: the field `check` of a table's
// line. RuntimeError, in torch's words.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>

#include <optional>

namespace npu::ops::check {

using Optional = std::optional<at::Tensor>;

// Two matrices have one dtype.
void matrices(const char* op, const at::Tensor& a, const at::Tensor& b);

// The second tensor, and a third one where it is there, have the first one's dtype.
void alike(const char* op, const at::Tensor& a, const at::Tensor& b, const Optional& c = std::nullopt);

// Parameters have the dtype of what they scale and shift, or float32 where that is half.
void parameters(const char* op, const at::Tensor& input, const Optional& weight, const Optional& bias);

// A given result's dtype holds what the operator makes of a tensor, where the caller names no dtype for it.
void castable(const char* op, const at::Tensor& a, const at::Tensor& out,
              std::optional<c10::ScalarType> dtype = std::nullopt);

// A tensor of integers holds each whole number that is there.
void held(const char* op, const at::Tensor& t, const std::optional<c10::Scalar>& a,
          const std::optional<c10::Scalar>& b = std::nullopt);

}  // namespace npu::ops::check
