// SPDX-License-Identifier: BSD-3-Clause
// Operators without a kernel on npu: the error that names what to install, and the count of declared CPU
// fallbacks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "npu/core/macros.h"

namespace npu {

struct FallbackCount {
  std::string op;
  std::string reason;
  uint64_t calls = 0;
  uint64_t bytes = 0;
  uint64_t nanoseconds = 0;
};

// Counts one run on the CPU. NotImplementedError under NPU_FALLBACK=error.
NPU_API void note_fallback(const std::string& op, const std::string& reason, uint64_t bytes,
                           uint64_t nanoseconds);
// The most called first.
NPU_API std::vector<FallbackCount> fallback_report();
NPU_API void reset_fallback_report();

// Whether npu-ops was activated; decides what the error of an operator without a kernel advises.
NPU_API void set_ops_installed(bool installed) noexcept;

}  // namespace npu
