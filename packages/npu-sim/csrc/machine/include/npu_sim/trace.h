// SPDX-License-Identifier: BSD-3-Clause
// NPU_SIM_TRACE: the calls of the ABI as JSON lines, in the order in which they returned.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "npu_sim/api.h"

namespace npu_sim {

// Before the first call nobody has looked: that call takes the way of a traced one, once.
enum class TraceState : uint8_t { unknown, off, on };
NPU_SIM_API extern std::atomic<TraceState> trace_state;
inline bool tracing() { return trace_state.load(std::memory_order_relaxed) != TraceState::off; }
// Reads the settings if nobody did, and says whether there is a file.
NPU_SIM_API bool trace_started();

// `file` gets the process's number where it holds "%p". An empty name ends it. False if it cannot be written.
bool open_trace(const std::string& file);
// One object, without its last brace; number, thread and time are added.
NPU_SIM_API void trace(const std::string& object);

}  // namespace npu_sim
