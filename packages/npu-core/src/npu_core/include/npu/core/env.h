// SPDX-License-Identifier: BSD-3-Clause
// The environment variables that libnpu_core reads: the only place that does. Read once, at first use.
//
//   TASK_QUEUE_ENABLE       0: every launch runs on the calling thread. Else (1, 2, unset): on the launch
//   thread. ASCEND_LAUNCH_BLOCKING  1: as TASK_QUEUE_ENABLE=0, and each launch waits for its stream: an error
//   then shows at the
//                           Python line that caused it.
//   NPU_EXECUTOR_CACHE      0: no repeatable executors, each launch runs both phases anew. A number above 1
//   bounds the
//                           cache of each device to that many executors (default 1024).
//   PYTORCH_NPU_ALLOC_CONF  settings of the caching allocator, `key:value,...`: those of torch's
//   PYTORCH_ALLOC_CONF and
//                           per_process_memory_fraction. Checked when the allocator is first used.
//   PYTORCH_ALLOC_CONF      the same for a device of any kind; the other one comes after it, key by key.
//   ASCEND_RT_VISIBLE_DEVICES  devices that this process may use; read by CANN, checked here.
//   NPU_FALLBACK            error: a CPU fallback raises NotImplementedError. Else (warn, unset): it is
//   counted.
//
// CANN's own variables that the loader follows: ASCEND_CUSTOM_OPP_PATH, ASCEND_OPP_PATH (custom operators),
// LD_PRELOAD (a preloaded library may interpose CANN's symbols).
#pragma once

#include <cstddef>
#include <string>

#include "npu/core/macros.h"

namespace npu {

struct Env {
  bool task_queue = true;
  bool launch_blocking = false;
  size_t executor_cache = 1024;  // 0 is off
  std::string alloc_conf;
  std::string generic_alloc_conf;
  bool fallback_is_error = false;
  bool preloaded = false;
  std::string custom_opp_path;
  std::string opp_path;
  std::string error;  // of the first bad value
};

// What is set; a variable with a bad value counts as unset here, and check_env() tells.
NPU_API const Env& env() noexcept;
// Called at initialisation. ValueError names a variable with a bad value and the values it may have.
NPU_API void check_env();
// ASCEND_RT_VISIBLE_DEVICES as it is now: CANN looks at it when it is first called. Null if it is not set.
const char* visible_devices() noexcept;

}  // namespace npu
