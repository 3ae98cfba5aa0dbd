#include <atomic>
#include <mutex>

#include "abi.h"

namespace {

std::mutex mutex;
bool initialised = false;
bool was_initialised = false;

}  // namespace

namespace npu_sim {

int require_init() {
  std::lock_guard lock(mutex);
  return initialised ? 0 : fail(ACL_ERROR_UNINITIALIZE, "aclInit must be called first");
}

}  // namespace npu_sim

using namespace npu_sim;

// The configuration file of aclInit switches on dumps and profiling, which the simulator has not: a path is
// accepted and its contents are not read.
aclError aclInit(const char* /*configPath*/) {
  NPU_SIM_TRY(ready());
  std::lock_guard lock(mutex);
  if (initialised)
    return fail(ACL_ERROR_REPEAT_INITIALIZE, "aclInit was called before: this call changes nothing");
  initialised = was_initialised = true;
  return ACL_SUCCESS;
}

aclError aclFinalize() {
  NPU_SIM_TRY(ready());
  {
    std::lock_guard lock(mutex);
    if (!initialised)
      return was_initialised ? fail(ACL_ERROR_REPEAT_FINALIZE, "aclFinalize was called before")
                             : fail(ACL_ERROR_UNINITIALIZE, "aclInit must be called first");
    initialised = false;
  }
  for (int id = 0; id < device_count(); ++id)
    if (Device* device = opened_device(id)) device->release_primary(true);
  return ACL_SUCCESS;
}
