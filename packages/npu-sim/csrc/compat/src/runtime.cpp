// libruntime: kernel binaries in the older ABI. They hold instructions of the AI core, which a CPU cannot
// run.
#pragma GCC visibility push(default)
#include <npu/cann/rt.h>
#pragma GCC visibility pop

#include "abi.h"

using namespace npu_sim;

static int cannot_run(const char* call) {
  return fail(
      ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
      std::string(call) + " needs an NPU: npu-sim runs operators (aclnn*), not binaries of its AI core");
}

rtError_t rtDevBinaryRegister(const rtDevBinary_t* bin, void** handle) {
  NPU_SIM_TRY(require_pointer(bin, "bin"));
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  return cannot_run("rtDevBinaryRegister");
}

rtError_t rtFunctionRegister(void* binHandle, const void* stubFunc, const char* /*stubName*/,
                             const void* /*devFunc*/, uint32_t /*funcMode*/) {
  NPU_SIM_TRY(require_pointer(binHandle, "binHandle"));
  NPU_SIM_TRY(require_pointer(stubFunc, "stubFunc"));
  return fail(ACL_ERROR_RT_INVALID_HANDLE,
              "the binary handle is not one of npu-sim, which loads no kernel binary");
}

rtError_t rtGetC2cCtrlAddr(uint64_t* addr, uint32_t* len) {
  NPU_SIM_TRY(require_pointer(addr, "addr"));
  NPU_SIM_TRY(require_pointer(len, "len"));
  return cannot_run("rtGetC2cCtrlAddr");
}

rtError_t rtKernelLaunch(const void* stubFunc, uint32_t /*blockDim*/, void* /*args*/, uint32_t /*argsSize*/,
                         rtSmDesc_t* /*smDesc*/, rtStream_t stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(require_pointer(stubFunc, "stubFunc"));
  return fail(ACL_ERROR_RT_KERNEL_LOOKUP,
              "no kernel was registered for stubFunc: npu-sim loads no kernel binary");
}
