// SPDX-License-Identifier: BSD-3-Clause
// What kernels share that compute in one dtype or shape and answer in another.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>

namespace npu_sim::ops {

// Reduced precision as float32, in which the device accumulates; everything else as it is.
inline at::Tensor wide(const at::Tensor& t) {
  return at::isReducedFloatingType(t.scalar_type()) ? t.to(at::kFloat) : t;
}
inline std::optional<at::Tensor> wide(const std::optional<at::Tensor>& t) {
  return t ? std::optional(wide(*t)) : std::nullopt;
}

// A result into an output of as many elements, whatever the shape.
inline void put(const at::Tensor& out, const at::Tensor& value) {
  out.copy_(value.sizes() == out.sizes() ? value : value.reshape(out.sizes()));
}
// The same where the caller wants it; torch leaves what it did not compute undefined or empty.
inline void put_wanted(const std::optional<at::Tensor>& out, const at::Tensor& value) {
  if (out && value.defined() && value.numel() == out->numel()) put(*out, value);
}

template <size_t N>
std::array<bool, N> wanted(at::ArrayRef<bool> mask) {
  std::array<bool, N> a{};
  for (size_t i = 0; i < N && i < mask.size(); ++i) a[i] = mask[i];
  return a;
}

}  // namespace npu_sim::ops
