// SPDX-License-Identifier: BSD-3-Clause
// The machine as a whole: its devices, and whether this process may use them.
#pragma once

#include <atomic>

#include "npu_sim/api.h"
#include "npu_sim/device.h"

namespace npu_sim {

// Refuses, with a message: wrong environment variables, and a process that forked after the first device was
// used. Every entry point asks this before it takes any lock.
NPU_SIM_API int ready();

// Devices that this process sees. Reads the environment only.
NPU_SIM_API int device_count();

// Lays out the addresses of all devices, once; opening one does it too.
int start_machine();

// The user's device `id`; its memory is mapped by the first call. ACL_ERROR_RT_INVALID_DEVICEID if there is
// none.
NPU_SIM_API int open_device(int id, Device** device);
// As open_device for devices in use: null for the others.
NPU_SIM_API Device* opened_device(int id);

// True from the start of the process's exit: workers start no task any more, so that none runs while static
// objects of torch are destroyed.
extern NPU_SIM_API std::atomic<bool> exiting;
// Brackets a task. False when the process is exiting: the worker then never returns to its queue.
bool begin_task();
void end_task();

}  // namespace npu_sim
