#include <unistd.h>

#include <cstring>

#include "abi.h"

using namespace npu_sim;

aclError aclrtGetDeviceCount(uint32_t* count) {
  NPU_SIM_TRY(require_pointer(count, "count"));
  *count = 0;
  NPU_SIM_TRY(ready());
  if (device_count() == 0)
    return fail(ACL_ERROR_RT_NO_DEVICE,
                "this process sees no device: see NPU_SIM and ASCEND_RT_VISIBLE_DEVICES");
  *count = static_cast<uint32_t>(device_count());
  return ACL_SUCCESS;
}

aclError aclrtSetDevice(int32_t deviceId) {
  Device* device = nullptr;
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_init());
  NPU_SIM_TRY(open_device(deviceId, &device));
  set_current_context(device->retain_primary());
  return ACL_SUCCESS;
}

aclError aclrtGetDevice(int32_t* deviceId) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(deviceId, "deviceId"));
  NPU_SIM_TRY(enter(&context));
  *deviceId = context->device.id;
  return ACL_SUCCESS;
}

static aclError reset(int32_t id, bool force) {
  Device* device = nullptr;
  NPU_SIM_TRY(device_at(id, &device));
  if (!device->release_primary(force))
    return fail(ACL_ERROR_RT_INVALID_DEVICEID,
                "npu:" + std::to_string(id) + " is not in use: aclrtSetDevice was not called");
  return ACL_SUCCESS;
}

aclError aclrtResetDevice(int32_t deviceId) { return reset(deviceId, false); }

aclError aclrtResetDeviceForce(int32_t deviceId) { return reset(deviceId, true); }

aclError aclrtSynchronizeDeviceWithTimeout(int32_t timeout) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(enter(&context));
  if (timeout < -1) return fail(ACL_ERROR_RT_PARAM_INVALID, "timeout must be milliseconds, or -1 for ever");
  return context->device.synchronize(timeout);
}

aclError aclrtSynchronizeDevice() { return aclrtSynchronizeDeviceWithTimeout(-1); }

// Queued work is discarded, waits are cancelled and a fault is cleared: the device takes new work.
aclError aclrtDeviceTaskAbort(int32_t deviceId, uint32_t timeout) {
  Device* device = nullptr;
  NPU_SIM_TRY(device_at(deviceId, &device));
  auto streams = device->streams();
  for (auto& s : streams) s->abort(ACL_ERROR_RT_DEVICE_TASK_ABORT);
  auto deadline = deadline_after(timeout == 0 ? -1 : static_cast<int>(timeout));
  bool in_time = true;
  for (auto& s : streams) in_time = s->wait(s->submitted(), deadline) && in_time;
  if (!in_time)
    return fail(ACL_ERROR_RT_TIMEOUT, "the work of npu:" + std::to_string(deviceId) +
                                          " did not stop within " + std::to_string(timeout) + " ms");
  for (auto& s : streams) s->resume();
  device->clear_fault();
  return ACL_SUCCESS;
}

aclError aclrtDeviceCanAccessPeer(int32_t* canAccessPeer, int32_t deviceId, int32_t peerDeviceId) {
  NPU_SIM_TRY(require_pointer(canAccessPeer, "canAccessPeer"));
  NPU_SIM_TRY(ready());
  for (int id : {deviceId, peerDeviceId})
    if (id < 0 || id >= device_count())
      return fail(ACL_ERROR_RT_INVALID_DEVICEID, "device " + std::to_string(id) + " does not exist");
  *canAccessPeer = deviceId != peerDeviceId;
  return ACL_SUCCESS;
}

aclError aclrtDeviceEnablePeerAccess(int32_t peerDeviceId, uint32_t flags) {
  std::shared_ptr<Context> context;
  Device* peer = nullptr;
  NPU_SIM_TRY(enter(&context));
  if (flags) return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "flags must be 0");
  NPU_SIM_TRY(open_device(peerDeviceId, &peer));
  if (peer == &context->device)
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "a device is no peer of itself: peerDeviceId is the current device");
  context->device.peers.fetch_or(1ULL << peer->id);
  return ACL_SUCCESS;
}

aclError aclrtDeviceGetBareTgid(int32_t* pid) {
  NPU_SIM_TRY(require_pointer(pid, "pid"));
  *pid = getpid();
  return ACL_SUCCESS;
}

aclError aclrtGetLogicDevIdByUserDevId(const int32_t userDevid, int32_t* const logicDevId) {
  Device* device = nullptr;
  NPU_SIM_TRY(require_pointer(logicDevId, "logicDevId"));
  NPU_SIM_TRY(device_at(userDevid, &device));
  *logicDevId = device->physical_id;
  return ACL_SUCCESS;
}

// Stable on one machine, different for each of its devices.
aclError aclrtDeviceGetUuid(int32_t deviceId, aclrtUuid* uuid) {
  Device* device = nullptr;
  NPU_SIM_TRY(require_pointer(uuid, "uuid"));
  NPU_SIM_TRY(device_at(deviceId, &device));
  std::memcpy(uuid->bytes, "npu-sim device ", 15);
  uuid->bytes[15] = static_cast<char>(device->physical_id);
  return ACL_SUCCESS;
}

aclError aclrtGetDeviceUtilizationRate(int32_t deviceId, aclrtUtilizationInfo* utilizationInfo) {
  Device* device = nullptr;
  NPU_SIM_TRY(require_pointer(utilizationInfo, "utilizationInfo"));
  NPU_SIM_TRY(device_at(deviceId, &device));
  int compute = device->slots.take_utilisation();
  utilizationInfo->cubeUtilization = compute;
  utilizationInfo->vectorUtilization = compute;
  utilizationInfo->aicpuUtilization = -1;  // CANN's answer for what it does not measure
  utilizationInfo->memoryUtilization =
      static_cast<int32_t>(device->memory.used() * 100 / device->memory.total());
  utilizationInfo->utilizationExtend = nullptr;
  return ACL_SUCCESS;
}

aclError aclrtGetPrimaryCtxState(int32_t deviceId, uint32_t* flags, int32_t* active) {
  NPU_SIM_TRY(require_pointer(active, "active"));
  NPU_SIM_TRY(ready());
  if (deviceId < 0 || deviceId >= device_count())
    return fail(ACL_ERROR_RT_INVALID_DEVICEID, "device " + std::to_string(deviceId) + " does not exist");
  Device* device = opened_device(deviceId);  // asking must not open it
  if (flags) *flags = 0;
  *active = device && device->primary() != nullptr;
  return ACL_SUCCESS;
}
