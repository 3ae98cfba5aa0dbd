// SPDX-License-Identifier: BSD-3-Clause
// NPU_SIM_TRACE: the calls of the ABI as JSON lines, in the order in which they returned.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "npu_sim/api.h"

namespace npu_sim {

NPU_SIM_API extern std::atomic<bool> trace_on;
inline bool tracing() { return trace_on.load(std::memory_order_relaxed); }

// `file` gets the process's number where it holds "%p". An empty name ends it. False if it cannot be written.
bool open_trace(const std::string& file);
// One object, without its last brace; number, thread and time are added.
NPU_SIM_API void trace(const std::string& object);

}  // namespace npu_sim
