// SPDX-License-Identifier: BSD-3-Clause
// What a call touches and costs, for the checker and the model of device times.
#pragma once

#include "npu_sim/nnop/call.h"

namespace npu_sim::nnop {

// On the worker, before the kernel runs. `workspace`: may be null.
void note_call(const Call& call, const void* workspace);

}  // namespace npu_sim::nnop
