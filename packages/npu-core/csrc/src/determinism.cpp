// SPDX-License-Identifier: BSD-3-Clause
#include "determinism.h"

#include <ATen/Context.h>

#include <atomic>
#include <mutex>

#include "npu/core/error.h"
#include "npu/core/launch_queue.h"

namespace npu {

namespace {

std::atomic<bool> g_told[kMaxDevices];

// Of the device's context where CANN can do that, else of the process.
using Set = decltype(&aclrtCtxSetSysParamOpt);
Set setter() {
  const Cann& c = cann();
  return c.has_aclrtCtxSetSysParamOpt || !c.has_aclrtSetSysParamOpt ? c.aclrtCtxSetSysParamOpt
                                                                    : c.aclrtSetSysParamOpt;
}

C10_NOINLINE void tell(DeviceIndex device, bool wanted) {
  static auto* mutex = new std::mutex;
  std::lock_guard lock(*mutex);
  if (g_told[device].load() == wanted) return;
  init();
  if (!cann().has_aclrtCtxSetSysParamOpt && !cann().has_aclrtSetSysParamOpt) {
    TORCH_WARN_ONCE(
        "torch.use_deterministic_algorithms: this CANN has no aclrtSetSysParamOpt and is not told; operators "
        "may be indeterministic. `npu info` shows which runtime is in use.");
  } else {
    LaunchQueue::of(device).enqueue("determinism", getCurrentNPUStream(device), [wanted](aclrtStream) {
      set_system_parameter(ACL_OPT_DETERMINISTIC, wanted ? 1 : 0);
    });
  }
  g_told[device].store(wanted, std::memory_order_release);
}

}  // namespace

void set_system_parameter(aclSysParamOpt option, int64_t value) {
  const int code = setter()(option, value);
  if (code != 0)
    raise_cann("aclrtCtxSetSysParamOpt", code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
  launch_options_changed();
}

void follow_determinism(DeviceIndex device) {
  const bool wanted = at::globalContext().deterministicAlgorithms();
  if (C10_UNLIKELY(g_told[device].load(std::memory_order_acquire) != wanted)) tell(device, wanted);
}

}  // namespace npu
