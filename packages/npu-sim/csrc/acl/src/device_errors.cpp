// What a device says of its faults, and what can be mended.
#include <algorithm>
#include <cstring>

#include "abi.h"

using namespace npu_sim;

namespace {

aclrtErrorType kind_of(int fault) {
  switch (fault) {
    case 0:
      return ACL_RT_NO_ERROR;
    case ACL_ERROR_RT_DEVICE_MEM_ERROR:
    case ACL_ERROR_RT_HBM_MULTI_BIT_ECC_ERROR:
    case ACL_ERROR_RT_SUSPECT_DEVICE_MEM_ERROR:
      return ACL_RT_ERROR_MEMORY;
    case ACL_ERROR_RT_AICORE_TIMEOUT:
    case ACL_ERROR_RT_AICORE_EXCEPTION:
    case ACL_ERROR_RT_AICORE_TRAP_EXCEPTION:
    case ACL_ERROR_RT_VECTOR_CORE_TIMEOUT:
    case ACL_ERROR_RT_VECTOR_CORE_EXCEPTION:
    case ACL_ERROR_RT_VECTOR_CORE_TRAP_EXCEPTION:
      return ACL_RT_ERROR_AICORE;
    case ACL_ERROR_RT_LINK_ERROR:
    case ACL_ERROR_RT_SUSPECT_REMOTE_ERROR:
      return ACL_RT_ERROR_LINK;
    case ACL_ERROR_RT_L3_PORT_ERROR:
      return ACL_RT_ERROR_L3_PORT;
    default:
      return ACL_RT_ERROR_OTHERS;
  }
}

size_t copy_errors(const Device& device, aclrtMemUceInfo* out, size_t room) {
  const auto errors = device.memory_errors();
  const size_t n = std::min(room, errors.size());
  for (size_t i = 0; i < n; ++i) out[i] = {errors[i].address, errors[i].bytes, {}};
  return n;
}

}  // namespace

aclError aclrtGetErrorVerbose(int32_t deviceId, aclrtErrorInfo* errorInfo) {
  Device* device = nullptr;
  NPU_SIM_TRY(require_pointer(errorInfo, "errorInfo"));
  NPU_SIM_TRY(device_at(deviceId, &device));
  std::memset(errorInfo, 0, sizeof *errorInfo);
  errorInfo->errorType = device->memory_errors().empty() ? kind_of(device->fault()) : ACL_RT_ERROR_MEMORY;
  if (errorInfo->errorType == ACL_RT_ERROR_MEMORY) {
    auto& info = errorInfo->detail.uceInfo;
    info.arraySize = copy_errors(*device, info.memUceInfoArray, ACL_RT_MEM_UCE_INFO_MAX_NUM);
    errorInfo->tryRepair = errorInfo->hasDetail = info.arraySize > 0;
  } else if (errorInfo->errorType == ACL_RT_ERROR_AICORE) {
    errorInfo->detail.aicoreErrType = ACL_RT_AICORE_ERROR_SW;  // no hardware of a simulator breaks
    errorInfo->hasDetail = 1;
  }
  return ACL_SUCCESS;
}

// After aclrtDeviceTaskAbort, which clears what is no broken memory.
aclError aclrtRepairError(int32_t deviceId, const aclrtErrorInfo* errorInfo) {
  Device* device = nullptr;
  NPU_SIM_TRY(require_pointer(errorInfo, "errorInfo"));
  NPU_SIM_TRY(device_at(deviceId, &device));
  if (errorInfo->errorType == ACL_RT_ERROR_MEMORY) {
    const auto& info = errorInfo->detail.uceInfo;
    if (info.arraySize > ACL_RT_MEM_UCE_INFO_MAX_NUM)
      return fail(ACL_ERROR_RT_PARAM_INVALID, "arraySize must be at most 20");
    return aclrtMemUceRepair(deviceId, const_cast<aclrtMemUceInfo*>(info.memUceInfoArray), info.arraySize);
  }
  if (errorInfo->errorType == ACL_RT_NO_ERROR)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "errorInfo holds no error: get it with aclrtGetErrorVerbose");
  return device->fault() ? fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                                "the fault cannot be repaired: call aclrtDeviceTaskAbort or aclrtResetDevice")
                         : ACL_SUCCESS;
}

aclError aclrtGetMemUceInfo(int32_t deviceId, aclrtMemUceInfo* memUceInfoArray, size_t arraySize,
                            size_t* retSize) {
  Device* device = nullptr;
  NPU_SIM_TRY(require_pointer(memUceInfoArray, "memUceInfoArray"));
  NPU_SIM_TRY(require_pointer(retSize, "retSize"));
  NPU_SIM_TRY(device_at(deviceId, &device));
  *retSize = copy_errors(*device, memUceInfoArray, arraySize);
  return ACL_SUCCESS;
}

aclError aclrtMemUceRepair(int32_t deviceId, aclrtMemUceInfo* memUceInfoArray, size_t arraySize) {
  Device* device = nullptr;
  NPU_SIM_TRY(require_pointer(memUceInfoArray, "memUceInfoArray"));
  NPU_SIM_TRY(device_at(deviceId, &device));
  if (arraySize == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "arraySize must be at least 1");
  for (size_t i = 0; i < arraySize; ++i)
    if (!device->repair_memory_error(memUceInfoArray[i].addr))
      return fail(
          ACL_ERROR_RT_PARAM_INVALID,
          "entry " + std::to_string(i) + " names no broken memory of npu:" + std::to_string(deviceId));
  return ACL_SUCCESS;
}

// One component: what the process itself allocated.
aclError aclrtGetMemUsageInfo(int32_t deviceId, aclrtMemUsageInfo* memUsageInfo, size_t inputNum,
                              size_t* outputNum) {
  Device* device = nullptr;
  NPU_SIM_TRY(require_pointer(memUsageInfo, "memUsageInfo"));
  NPU_SIM_TRY(require_pointer(outputNum, "outputNum"));
  NPU_SIM_TRY(device_at(deviceId, &device));
  if (inputNum == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "inputNum must be at least 1");
  memUsageInfo[0] = {"APP", device->memory.used(), device->memory.peak(), {}};
  *outputNum = 1;
  return ACL_SUCCESS;
}
