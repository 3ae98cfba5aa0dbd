// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace npu_sim::hccl {

// Names a process for as long as the machine runs: a pid is given to others later, a start time is not.
struct ProcessId {
  int32_t pid = 0;
  uint64_t started = 0;  // clock ticks since the machine started
  bool operator==(const ProcessId&) const = default;
};

ProcessId this_process();
// False once the process has ended, also while its parent has not collected it.
bool alive(const ProcessId& process);

}  // namespace npu_sim::hccl
