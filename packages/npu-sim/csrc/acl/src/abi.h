// SPDX-License-Identifier: BSD-3-Clause
// What every file of libascendcl begins with: the ABI's prototypes with default visibility, everything else
// hidden, and the argument checks that the calls share.
#pragma once

#pragma GCC visibility push(default)
#include <npu/cann/acl.h>
#pragma GCC visibility pop

#include <memory>
#include <string>

#include "npu_sim/context.h"
#include "npu_sim/device.h"
#include "npu_sim/error.h"
#include "npu_sim/machine.h"
#include "npu_sim/queue.h"

namespace npu_sim {

// Answers the code of a failed step: `NPU_SIM_TRY(ready());`
#define NPU_SIM_TRY(step)                 \
  do {                                    \
    if (int code_ = (step)) return code_; \
  } while (false)

inline int require_pointer(const void* p, const char* name) {
  if (p) return 0;
  fail(ACL_ERROR_INVALID_PARAM, std::string(name) + " must not be null");
  return ACL_ERROR_INVALID_PARAM;  // told to the static analyser, which does not see into fail
}

// The current context of a process that may use the machine.
inline int enter(std::shared_ptr<Context>* context) {
  NPU_SIM_TRY(ready());
  return require_context(context);
}

// The user's device `id`, opened.
inline int device_at(int id, Device** device) {
  NPU_SIM_TRY(ready());
  return open_device(id, device);
}

// The object of `table` that `handle` names. `kind` says in messages what it is: "event".
template <class T>
int find_live(const HandleTable<T>& table, const void* handle, const char* kind, std::shared_ptr<T>* object) {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_pointer(handle, kind));
  *object = table.find(handle);
  if (*object) return 0;
  return fail(ACL_ERROR_RT_INVALID_HANDLE, std::string("the ") + kind + " handle names no live " + kind +
                                               ": it was destroyed or never created");
}

// Whether aclInit was called and aclFinalize was not.
int require_init();

}  // namespace npu_sim
