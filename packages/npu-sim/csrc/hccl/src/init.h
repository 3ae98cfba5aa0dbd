// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "result.h"

namespace npu_sim {
class Device;
}

namespace npu_sim::hccl {

// The calling thread's device, of a process that may use the machine.
HcclResult current_device(Device** device);

// Joins what `info` names as `rank` of `ranks`, and waits for the others. `call` is for messages; `config`
// may be null.
HcclResult init(const char* call, uint32_t ranks, const HcclRootInfo* info, uint32_t rank, Device& device,
                const HcclCommConfig* config, HcclComm* comm);

}  // namespace npu_sim::hccl
