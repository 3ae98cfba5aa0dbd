// SPDX-License-Identifier: BSD-3-Clause
// Device memory that plugins took from CANN outside of the allocator, as they told: communication buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace npu {

// `nbytes` more of it, or fewer if negative. `what` has static storage. Callable from any thread.
void note_foreign_memory(const char* what, int device, int64_t nbytes);

// What for, and bytes, of one device.
std::vector<std::pair<std::string, size_t>> foreign_memory(int device);

}  // namespace npu
