// SPDX-License-Identifier: BSD-3-Clause
// What random operators take from a generator of the device.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>

namespace npu::ops {

// Where an operator's numbers begin. While a graph is captured, seed and offset are in device memory, where
// each replay puts new ones, and `offset` is within the graph.
struct Philox {
  int64_t seed, offset;
  at::Tensor seed_tensor, offset_tensor;

  bool captured() const { return seed_tensor.defined(); }
};

// Takes `n` numbers from the generator, or from the device's default one. RuntimeError for a generator of
// another device. Offsets advance by multiples of 4, since one Philox round makes four numbers.
Philox draw(std::optional<at::Generator> given, c10::Device device, int64_t n);

}  // namespace npu::ops
