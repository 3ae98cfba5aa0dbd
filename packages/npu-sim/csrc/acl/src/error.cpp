#include "abi.h"

using namespace npu_sim;

const char* aclGetRecentErrMsg() { return hand_out_error_message(); }

aclError aclrtGetLastError(aclrtLastErrLevel level) {
  if (level != ACL_RT_THREAD_LEVEL)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "level must be ACL_RT_THREAD_LEVEL");
  return last_error(true);
}

aclError aclrtPeekAtLastError(aclrtLastErrLevel level) {
  if (level != ACL_RT_THREAD_LEVEL)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "level must be ACL_RT_THREAD_LEVEL");
  return last_error(false);
}
