// SPDX-License-Identifier: BSD-3-Clause
// An operator call on the launch thread: descriptors, first phase, workspace, second phase.
#pragma once

#include "call_record.h"
#include "npu/core/failure.h"
#include "npu/core/launch_queue.h"

namespace npu {

// What launch_shaped waits for.
struct ShapedResult {
  int64_t* dims;
  uint64_t ndim = 0;
  Failure failure;
};

// The task of a CallRecord.
TaskKind call_task(const Operator& op);

}  // namespace npu
