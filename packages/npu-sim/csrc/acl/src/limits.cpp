// How many cores and how long operators may take. Kernels here run on NPU_SIM_THREADS threads whatever the
// core limits say; a time-out is kept.
#include <array>
#include <atomic>

#include "abi.h"
#include "npu_sim/soc.h"

using namespace npu_sim;

namespace {

// The least time-out of the hardware, and how many times it a time-out may be, in microseconds.
constexpr uint64_t kInterval = 4294967, kMostIntervals = 254;

thread_local std::weak_ptr<Stream> t_uses;

int check_type(aclrtDevResLimitType type, uint32_t* all) {
  if (type != ACL_RT_DEV_RES_CUBE_CORE && type != ACL_RT_DEV_RES_VECTOR_CORE)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "unknown kind of core " + std::to_string(type));
  const int64_t cores = type == ACL_RT_DEV_RES_CUBE_CORE ? soc().cube_cores : soc().vector_cores;
  if (cores < 0)
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                std::string("how many cores of this kind ") + soc().name + " has is not known");
  *all = static_cast<uint32_t>(cores);
  return 0;
}

int check_limit(aclrtDevResLimitType type, uint32_t value) {
  uint32_t all = 0;
  NPU_SIM_TRY(check_type(type, &all));
  if (value >= 1 && value <= all) return 0;
  return fail(ACL_ERROR_RT_PARAM_INVALID, std::string(soc().name) + " has 1 to " + std::to_string(all) +
                                              " such cores, found " + std::to_string(value));
}

using Limits = std::array<std::atomic<uint32_t>, 2>;

void reset(Limits& limits) {
  for (auto& limit : limits) limit.store(0);
}

// The narrowest that is set, or all of them.
uint32_t limit_of(const Limits& own, const Limits* device, aclrtDevResLimitType type, uint32_t all) {
  const auto i = static_cast<size_t>(type);
  if (uint32_t v = own[i].load()) return v;
  if (uint32_t v = device ? (*device)[i].load() : 0) return v;
  return all;
}

}  // namespace

aclError aclrtGetDeviceResLimit(int32_t deviceId, aclrtDevResLimitType type, uint32_t* value) {
  Device* device = nullptr;
  uint32_t all = 0;
  NPU_SIM_TRY(require_pointer(value, "value"));
  NPU_SIM_TRY(device_at(deviceId, &device));
  NPU_SIM_TRY(check_type(type, &all));
  *value = limit_of(device->core_limits, nullptr, type, all);
  return ACL_SUCCESS;
}

aclError aclrtSetDeviceResLimit(int32_t deviceId, aclrtDevResLimitType type, uint32_t value) {
  Device* device = nullptr;
  NPU_SIM_TRY(device_at(deviceId, &device));
  NPU_SIM_TRY(check_limit(type, value));
  device->core_limits[static_cast<size_t>(type)].store(value);
  return ACL_SUCCESS;
}

aclError aclrtResetDeviceResLimit(int32_t deviceId) {
  Device* device = nullptr;
  NPU_SIM_TRY(device_at(deviceId, &device));
  reset(device->core_limits);
  return ACL_SUCCESS;
}

aclError aclrtGetStreamResLimit(aclrtStream stream, aclrtDevResLimitType type, uint32_t* value) {
  std::shared_ptr<Stream> s;
  uint32_t all = 0;
  NPU_SIM_TRY(require_pointer(value, "value"));
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(check_type(type, &all));
  *value = limit_of(s->core_limits, &s->device.core_limits, type, all);
  return ACL_SUCCESS;
}

aclError aclrtSetStreamResLimit(aclrtStream stream, aclrtDevResLimitType type, uint32_t value) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(check_limit(type, value));
  s->core_limits[static_cast<size_t>(type)].store(value);
  return ACL_SUCCESS;
}

aclError aclrtResetStreamResLimit(aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  reset(s->core_limits);
  return ACL_SUCCESS;
}

aclError aclrtUseStreamResInCurrentThread(aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  t_uses = s;
  return ACL_SUCCESS;
}

aclError aclrtUnuseStreamResInCurrentThread(aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  if (t_uses.lock() == s) t_uses.reset();
  return ACL_SUCCESS;
}

aclError aclrtGetResInCurrentThread(aclrtDevResLimitType type, uint32_t* value) {
  std::shared_ptr<Context> context;
  uint32_t all = 0;
  NPU_SIM_TRY(require_pointer(value, "value"));
  NPU_SIM_TRY(enter(&context));
  NPU_SIM_TRY(check_type(type, &all));
  const auto& device = context->device.core_limits;
  auto stream = t_uses.lock();
  *value = stream ? limit_of(stream->core_limits, &device, type, all) : limit_of(device, nullptr, type, all);
  return ACL_SUCCESS;
}

// Seconds; 0 is the longest that the hardware has.
aclError aclrtSetOpExecuteTimeOut(uint32_t timeout) {
  uint64_t actual = 0;
  return aclrtSetOpExecuteTimeOutV2(uint64_t{timeout} * 1000000, &actual);
}

// Microseconds, rounded up to what the hardware counts in.
aclError aclrtSetOpExecuteTimeOutV2(uint64_t timeout, uint64_t* actualTimeout) {
  NPU_SIM_TRY(require_pointer(actualTimeout, "actualTimeout"));
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_init());
  uint64_t intervals = timeout / kInterval + (timeout % kInterval != 0);
  if (timeout == 0 || intervals > kMostIntervals) intervals = kMostIntervals;
  *actualTimeout = intervals * kInterval;
  op_execute_timeout_us.store(static_cast<int64_t>(*actualTimeout));
  return ACL_SUCCESS;
}
