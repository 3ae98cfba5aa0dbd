// SPDX-License-Identifier: BSD-3-Clause
// The table's launches, before their exceptions become a status. All on the current stream of the current
// device.
#pragma once

#include <cstddef>
#include <cstdint>

#include <span>

#include "arg_formats.h"
#include "npu/core/abi.h"

namespace npu {

// Copies the call into the launch queue.
void launch_operator(npu_operator& op, const npu_arg* args, uint32_t count);
// The same with these formats of its arguments, whatever their storages say.
void launch_operator_as(npu_operator& op, const npu_arg* args, uint32_t count,
                        std::span<const ArgFormat> formats);
// Runs the call to its end; writes the shape of argument `shaped` into `dims` (25 entries) and answers its
// rank.
uint64_t launch_operator_shaped(npu_operator& op, const npu_arg* args, uint32_t count, uint32_t shaped,
                                int64_t* dims);
// Enqueues a plugin's callback with a copy of its payload.
void launch_task(const char* name, npu_task task, const void* payload, size_t size);

}  // namespace npu
