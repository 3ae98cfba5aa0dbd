// What checks a device and dumps tensors.
#include <algorithm>
#include <string>

#include "living.h"
#include "npu_sim/error.h"
#include "npu_sim/machine.h"
#include "npu_sim/memory.h"
#include "npu_sim/nnop/export.h"
#include "npu_sim/nnop/objects.h"

using npu_sim::fail;

// A client gives gigabytes, which a host has not to spare for this.
static constexpr size_t kMostBytes = 16 << 20;

// Writes patterns into the workspace's beginning, which is the caller's to lose, and reads them back. 0 if
// they agree.
NPU_SIM_ABI int StressDetect(int32_t deviceId, void* workspace, size_t workspaceSize) {
  npu_sim::Device* device = nullptr;
  int found = -1;
  if (int code = npu_sim::ready()) return code;
  if (int code = npu_sim::open_device(deviceId, &device)) return code;
  if (workspaceSize == 0 || !npu_sim::owns(workspace, workspaceSize, &found) || found != deviceId)
    return fail(ACLNN_ERR_PARAM_INVALID, "StressDetect: workspace must be " + std::to_string(workspaceSize) +
                                             " bytes of memory of npu:" + std::to_string(deviceId));
  auto* bytes = static_cast<volatile unsigned char*>(npu_sim::shadow(workspace));
  const size_t checked = std::min(workspaceSize, kMostBytes);
  for (unsigned pattern : {0x00u, 0xffu, 0x55u, 0xaau}) {
    for (size_t i = 0; i < checked; ++i) bytes[i] = static_cast<unsigned char>(pattern ^ (i >> 8 & 0xff));
    for (size_t i = 0; i < checked; ++i)
      if (bytes[i] != static_cast<unsigned char>(pattern ^ (i >> 8 & 0xff)))
        return fail(ACL_ERROR_RT_DEVICE_MEM_ERROR, "StressDetect: byte " + std::to_string(i) + " changed");
  }
  return 0;
}

// Dumps are switched on by aclmdlSetDump, which refuses: so none is on.
NPU_SIM_ABI aclnnStatus aclDumpOpTensors(const char* opType, const char* opName, aclTensor** tensors,
                                         size_t inputTensorNum, size_t outputTensorNum, aclrtStream) {
  if (!opType || !opName || (!tensors && inputTensorNum + outputTensorNum))
    return fail(ACLNN_ERR_PARAM_NULLPTR, "aclDumpOpTensors: opType, opName and tensors must not be null");
  for (size_t i = 0; i < inputTensorNum + outputTensorNum; ++i)
    if (!npu_sim::nnop::living(tensors[i]))
      return fail(ACLNN_ERR_PARAM_INVALID,
                  "aclDumpOpTensors: tensor " + std::to_string(i) + " is not living");
  return fail(ACL_ERROR_DUMP_NOT_RUN, "aclDumpOpTensors: npu-sim writes no dumps of tensors");
}
