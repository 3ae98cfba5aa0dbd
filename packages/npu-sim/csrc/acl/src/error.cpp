#include "abi.h"

using namespace npu_sim;

// Hands the message out once; it stays readable until the thread's next call. Null when there is none.
const char* aclGetRecentErrMsg() {
  thread_local std::string message;
  message = take_error_message();
  return message.empty() ? nullptr : message.c_str();
}

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
