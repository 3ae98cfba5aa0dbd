// Kernel binaries hold instructions of the AI core, which a CPU cannot run: nothing here loads one, so every
// function handle is foreign.
#include "abi.h"

using namespace npu_sim;

namespace {

int cannot_run(const char* call) {
  return fail(
      ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
      std::string(call) + " needs an NPU: npu-sim runs operators (aclnn*), not binaries of its AI core");
}

int no_such(const char* kind) {
  return fail(ACL_ERROR_RT_INVALID_HANDLE,
              std::string("the ") + kind + " handle is not one of npu-sim, which loads no kernel binary");
}

}  // namespace

aclError aclrtBinaryLoadFromData(const void* data, size_t length, const aclrtBinaryLoadOptions* /*options*/,
                                 aclrtBinHandle* binHandle) {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_pointer(data, "data"));
  NPU_SIM_TRY(require_pointer(binHandle, "binHandle"));
  if (length == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "length must be at least 1");
  return cannot_run("aclrtBinaryLoadFromData");
}

aclError aclrtBinaryGetFunction(const aclrtBinHandle binHandle, const char* kernelName,
                                aclrtFuncHandle* funcHandle) {
  NPU_SIM_TRY(require_pointer(binHandle, "binHandle"));
  NPU_SIM_TRY(require_pointer(kernelName, "kernelName"));
  NPU_SIM_TRY(require_pointer(funcHandle, "funcHandle"));
  return no_such("binary");
}

aclError aclrtGetFunctionAddr(aclrtFuncHandle funcHandle, void** aicAddr, void** aivAddr) {
  NPU_SIM_TRY(require_pointer(funcHandle, "funcHandle"));
  NPU_SIM_TRY(require_pointer(aicAddr, "aicAddr"));
  NPU_SIM_TRY(require_pointer(aivAddr, "aivAddr"));
  return no_such("function");
}

aclError aclrtLaunchKernelWithHostArgs(aclrtFuncHandle funcHandle, uint32_t /*numBlocks*/, aclrtStream stream,
                                       aclrtLaunchKernelCfg* /*cfg*/, void* /*hostArgs*/, size_t /*argsSize*/,
                                       aclrtPlaceHolderInfo* /*placeHolderArray*/,
                                       size_t /*placeHolderNum*/) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(require_pointer(funcHandle, "funcHandle"));
  return no_such("function");
}

// An address that kernels of several cores meet at.
aclError aclrtGetHardwareSyncAddr(void** addr) {
  NPU_SIM_TRY(require_pointer(addr, "addr"));
  return cannot_run("aclrtGetHardwareSyncAddr");
}
