// SPDX-License-Identifier: BSD-3-Clause
// The table's launches, before their exceptions become a status. All on the current stream of the current
// device.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/core/abi.h"

namespace npu {

// Copies the call into the launch queue.
void launch_operator(npu_operator& op, const npu_arg* args, uint32_t count);
// Runs the call to its end; writes the shape of argument `shaped` into `dims` (25 entries) and answers its
// rank.
uint64_t launch_operator_shaped(npu_operator& op, const npu_arg* args, uint32_t count, uint32_t shaped,
                                int64_t* dims);
// Enqueues a plugin's callback with a copy of its payload.
void launch_task(const char* name, npu_task task, const void* payload, size_t size);

}  // namespace npu
