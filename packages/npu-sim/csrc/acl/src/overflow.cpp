// What becomes of results beyond a type's range, and who is told.
#include <atomic>

#include "abi.h"
#include "npu_sim/memory.h"
#include "npu_sim/soc.h"

using namespace npu_sim;

aclError aclrtSetDeviceSatMode(aclrtFloatOverflowMode mode) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(enter(&context));
  if (mode != ACL_RT_OVERFLOW_MODE_SATURATION && mode != ACL_RT_OVERFLOW_MODE_INFNAN)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "unknown overflow mode " + std::to_string(mode));
  if (mode == ACL_RT_OVERFLOW_MODE_INFNAN && !soc().inf_nan())
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, std::string(soc().name) + " saturates only");
  context->device.overflow_mode.store(mode);
  return ACL_SUCCESS;
}

aclError aclrtGetDeviceSatMode(aclrtFloatOverflowMode* mode) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(mode, "mode"));
  NPU_SIM_TRY(enter(&context));
  *mode = static_cast<aclrtFloatOverflowMode>(context->device.overflow_mode.load());
  return ACL_SUCCESS;
}

aclError aclrtSetStreamOverflowSwitch(aclrtStream stream, uint32_t flag) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  if (flag > 1) return fail(ACL_ERROR_RT_PARAM_INVALID, "flag must be 0 or 1, found " + std::to_string(flag));
  s->overflow_switch.store(flag);
  return ACL_SUCCESS;
}

aclError aclrtGetStreamOverflowSwitch(aclrtStream stream, uint32_t* flag) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(require_pointer(flag, "flag"));
  NPU_SIM_TRY(stream_of(stream, &s));
  *flag = s->overflow_switch.load();
  return ACL_SUCCESS;
}

// Writes 1 or 0 into the first 8 of at least 64 bytes of device memory, in the stream's order.
aclError aclrtGetOverflowStatus(void* outputAddr, size_t outputSize, aclrtStream stream) {
  constexpr size_t kBytes = 64;
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(require_pointer(outputAddr, "outputAddr"));
  NPU_SIM_TRY(stream_of(stream, &s));
  if (outputSize < kBytes || !owns(outputAddr, kBytes, nullptr))
    return fail(ACL_ERROR_RT_PARAM_INVALID, "outputAddr must be at least 64 bytes of device memory");
  auto write = [outputAddr]() -> int {
    if (!owns(outputAddr, kBytes, nullptr)) return ACL_ERROR_RT_SYS_DMA;
    auto* words = static_cast<uint64_t*>(shadow(outputAddr));
    for (size_t i = 0; i < kBytes / sizeof *words; ++i) words[i] = 0;
    words[0] = worker_stream()->device.overflowed.load();
    return 0;
  };
  return enqueue(*s, "aclrtGetOverflowStatus", write, Engine::copy);
}

aclError aclrtResetOverflowStatus(aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  auto clear = [] {
    worker_stream()->device.overflowed.store(false);
    return 0;
  };
  return enqueue(*s, "aclrtResetOverflowStatus", clear, Engine::copy);
}
