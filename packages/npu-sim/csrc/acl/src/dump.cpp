// Dumps of operators' tensors while models run: aclmdlInitDump, then aclmdlSetDump with a configuration file.
#include <fstream>
#include <mutex>

#include "abi.h"

using namespace npu_sim;

namespace {
std::mutex mutex;
bool started = false;
}  // namespace

aclError aclmdlInitDump() {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_init());
  std::lock_guard lock(mutex);
  if (started) return fail(ACL_ERROR_DUMP_ALREADY_RUN, "aclmdlInitDump was called before");
  started = true;
  return ACL_SUCCESS;
}

// What a configuration can ask for, dumps of models, the simulator has not: a file that asks for one is
// refused.
aclError aclmdlSetDump(const char* dumpCfgPath) {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_pointer(dumpCfgPath, "dumpCfgPath"));
  {
    std::lock_guard lock(mutex);
    if (!started) return fail(ACL_ERROR_DUMP_NOT_RUN, "aclmdlInitDump must be called first");
  }
  std::ifstream file(dumpCfgPath);
  if (!file)
    return fail(ACL_ERROR_INVALID_FILE, std::string("the dump configuration cannot be read: ") + dumpCfgPath);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.find('{') == std::string::npos)
    return fail(ACL_ERROR_PARSE_FILE, std::string("the dump configuration is not JSON: ") + dumpCfgPath);
  if (text.find("\"dump\"") == std::string::npos) return ACL_SUCCESS;  // asks for nothing
  return fail(ACL_ERROR_FEATURE_UNSUPPORTED,
              "npu-sim writes no dumps of tensors: remove \"dump\" from " + std::string(dumpCfgPath));
}

aclError aclmdlFinalizeDump() {
  NPU_SIM_TRY(ready());
  std::lock_guard lock(mutex);
  if (!started) return fail(ACL_ERROR_DUMP_NOT_RUN, "aclmdlInitDump was not called");
  started = false;
  return ACL_SUCCESS;
}
