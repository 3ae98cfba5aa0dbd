// libascend_dump: writing the arguments of every kernel launch into files.
#include "abi.h"

using namespace npu_sim;

aclError aclopStartDumpArgs(uint32_t /*dumpType*/, const char* path) {
  NPU_SIM_TRY(require_pointer(path, "path"));
  return fail(ACL_ERROR_API_NOT_SUPPORT,
              "npu-sim launches no kernel binaries, so it has no kernel arguments to write");
}

aclError aclopStopDumpArgs(uint32_t /*dumpType*/) {
  return fail(ACL_ERROR_DUMP_NOT_RUN, "aclopStartDumpArgs did not start a dump");
}
