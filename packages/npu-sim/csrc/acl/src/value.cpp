// Streams that write and wait for 64-bit values in device memory, and that bring memory near.
#include <algorithm>
#include <atomic>
#include <thread>

#include "abi.h"
#include "npu_sim/event.h"
#include "npu_sim/memory.h"
#include "npu_sim/soc.h"

using namespace npu_sim;

namespace {

constexpr int64_t kAscend950 = 3510;

int check(void* address, const char* call) {
  NPU_SIM_TRY(require_pointer(address, "devAddr"));
  if (soc().arch == kAscend950)
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, std::string(soc().name) + " has no " + call);
  if (reinterpret_cast<uintptr_t>(address) % sizeof(uint64_t))
    return fail(ACL_ERROR_RT_ADDR_UNALIGNED, "devAddr must be a multiple of 8");
  if (owns(address, sizeof(uint64_t), nullptr)) return 0;
  return fail(ACL_ERROR_RT_PARAM_INVALID, "devAddr must be 8 bytes of device memory");
}

bool satisfied(uint64_t found, uint64_t value, uint32_t flag) {
  switch (flag) {
    case ACL_STREAM_WAIT_VALUE_GEQ:
      return static_cast<int64_t>(found - value) >= 0;
    case ACL_STREAM_WAIT_VALUE_EQ:
      return found == value;
    case ACL_STREAM_WAIT_VALUE_AND:
      return (found & value) != 0;
    default:
      return ~(found | value) != 0;
  }
}

// Null when the memory was freed meanwhile.
uint64_t* word_at(void* address) {
  return owns(address, sizeof(uint64_t), nullptr) ? static_cast<uint64_t*>(shadow(address)) : nullptr;
}

int freed(const char* call) {
  set_error_message(std::string(call) + ": its device memory was freed before the stream reached it");
  return ACL_ERROR_RT_SYS_DMA;
}

}  // namespace

aclError aclrtValueWrite(void* devAddr, uint64_t value, uint32_t flag, aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(check(devAddr, "aclrtValueWrite"));
  if (flag) return fail(ACL_ERROR_RT_PARAM_INVALID, "flag must be 0");
  auto write = [devAddr, value]() -> int {
    uint64_t* word = word_at(devAddr);
    if (!word) return freed("aclrtValueWrite");
    std::atomic_ref<uint64_t>(*word).store(value, std::memory_order_release);
    return 0;
  };
  return enqueue(*s, "aclrtValueWrite", write, Engine::copy);
}

aclError aclrtValueWait(void* devAddr, uint64_t value, uint32_t flag, aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(check(devAddr, "aclrtValueWait"));
  if (flag > ACL_STREAM_WAIT_VALUE_NOR)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "unknown comparison " + std::to_string(flag));
  auto wait = [devAddr, value, flag]() -> int {
    const Stream* runs_on = worker_stream();
    auto nap = std::chrono::microseconds(10);
    for (;;) {
      uint64_t* word = word_at(devAddr);
      if (!word) return freed("aclrtValueWait");
      if (satisfied(std::atomic_ref<uint64_t>(*word).load(std::memory_order_acquire), value, flag)) return 0;
      if (runs_on->aborted() || runs_on->device.fault() || exiting.load()) return 0;
      std::this_thread::sleep_for(nap);
      nap = std::min(nap * 2, std::chrono::microseconds(1000));
    }
  };
  return enqueue(*s, "aclrtValueWait", wait, Engine::host);
}

// A prefetch reads one byte of each page and line set, so that the memory is there when a kernel comes.
aclError aclrtCmoAsync(void* src, size_t size, aclrtCmoType cmoType, aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(require_pointer(src, "src"));
  if (cmoType != ACL_RT_CMO_TYPE_PREFETCH)
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                "only ACL_RT_CMO_TYPE_PREFETCH is supported, found " + std::to_string(cmoType));
  if (size == 0 || !owns(src, size, nullptr))
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "src must be " + std::to_string(size) + " bytes of device memory");
  auto prefetch = [src, size]() -> int {
    if (!owns(src, size, nullptr)) return freed("aclrtCmoAsync");
    const char* bytes = static_cast<const char*>(shadow(src));
    for (size_t i = 0; i < size; i += 64) __builtin_prefetch(bytes + i);
    return 0;
  };
  return enqueue(*s, "aclrtCmoAsync", prefetch, Engine::copy);
}
