#include "result.h"

#include <array>

#include "npu_sim/error.h"

namespace npu_sim::hccl {

HcclResult refuse(HcclResult code, std::string message) {
  set_error_message(std::move(message));
  return code;
}

HcclResult machine_refused(int acl_code) {
  switch (acl_code) {
    case ACL_ERROR_RT_INVALID_HANDLE:
    case ACL_ERROR_RT_STREAM_CONTEXT:
    case ACL_ERROR_INVALID_PARAM:
      return HCCL_E_PARA;
    default:
      return HCCL_E_RUNTIME;
  }
}

int stream_code(HcclResult code) {
  switch (code) {
    case HCCL_SUCCESS:
      return ACL_SUCCESS;
    case HCCL_E_TIMEOUT:
      return ACL_ERROR_RT_FFTS_PLUS_TIMEOUT;  // how a collective's wait on the device times out
    case HCCL_E_REMOTE:
      return ACL_ERROR_RT_SUSPECT_REMOTE_ERROR;
    case HCCL_E_MEMORY:
      return ACL_ERROR_RT_SYS_DMA;
    case HCCL_E_PARA:
      // Ranks disagree. A fault, as on the device: an error of this stream alone would not be seen by who
      // waits for another stream, and the result is wrong.
      return ACL_ERROR_RT_FFTS_PLUS_EXCEPTION;
    default:  // suspended or destroyed: its owner wanted it to stop, and the device goes on
      return ACL_ERROR_RT_PARAM_INVALID;
  }
}

}  // namespace npu_sim::hccl

const char* HcclGetErrorString(HcclResult code) {
  static constexpr std::array<const char*, 26> kText{
      "no error",
      "invalid parameter",
      "null pointer",
      "memory error",
      "internal error",
      "not supported",
      "not found",
      "resource unavailable",
      "system call failed",
      "timeout",
      "cannot open file",
      "TCP connection failed",
      "RoCE connection failed",
      "TCP transfer failed",
      "RoCE transfer failed",
      "runtime call failed",
      "driver call failed",
      "profiling call failed",
      "CCE call failed",
      "network error",
      "try again",
      "a remote rank failed",
      "the communicator is suspended",
      "the operation could not be retried",
      "out of memory",
      "reserved",
  };
  return static_cast<size_t>(code) < kText.size() ? kText[static_cast<size_t>(code)] : "unknown error";
}
