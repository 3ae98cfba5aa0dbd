// SPDX-License-Identifier: BSD-3-Clause
// Where the device's times come from, and what the user is to know about it.
#pragma once

#include <string>

namespace npu::profiler {

// NPU_PROFILER_SOURCE: `auto` takes libmspti where CANN lets us and events otherwise.
enum class Source { automatic, mspti, events };
Source source();

// Why kernels of the last session were timed by events though libmspti was wanted; read once, by Python.
void set_notice(std::string reason);

}  // namespace npu::profiler
