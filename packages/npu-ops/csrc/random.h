// SPDX-License-Identifier: BSD-3-Clause
// What random operators take from a generator of the device.
#pragma once

#include <ATen/core/Generator.h>

#include <optional>

namespace npu::ops {

struct Philox {
  int64_t seed, offset;
};

// Takes `n` numbers from the generator, or from the device's default one. RuntimeError for a generator of
// another device. Offsets advance by multiples of 4, since one Philox round makes four numbers.
Philox draw(const std::optional<at::Generator>& given, c10::Device device, int64_t n);

}  // namespace npu::ops
