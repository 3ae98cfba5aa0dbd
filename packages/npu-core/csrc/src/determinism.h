// SPDX-License-Identifier: BSD-3-Clause
// torch.use_deterministic_algorithms, as CANN has to hear of it: an option of the device's context.
#pragma once

#include "npu/core/NPUFunctions.h"
#include "npu/core/cann.h"

namespace npu {

// Called before each launch: if torch's setting changed since the last one on `device`, a task that tells
// CANN goes into the launch queue first, so that every operator runs as it was called.
void follow_determinism(DeviceIndex device);

// Sets an option of CANN for the device that this thread is bound to. NotImplementedError if CANN cannot.
NPU_API void set_system_parameter(aclSysParamOpt option, int64_t value);

}  // namespace npu
