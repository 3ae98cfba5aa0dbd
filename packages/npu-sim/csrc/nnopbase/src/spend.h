// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <cstdint>

namespace npu_sim::nnop {

// Keeps the calling thread busy, as a phase of a real CANN does: NPU_SIM_CALL_COST.
inline void spend(int64_t ns) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(ns);
  while (std::chrono::steady_clock::now() < end) continue;
}

}  // namespace npu_sim::nnop
