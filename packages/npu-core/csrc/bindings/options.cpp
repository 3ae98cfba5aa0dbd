// SPDX-License-Identifier: BSD-3-Clause
// Switches of CANN and of the launch path.
#include "bindings.h"
#include "cube_math.h"
#include "determinism.h"
#include "formats.h"
#include "npu/core/NPUFunctions.h"
#include "npu/core/NPUStream.h"
#include "npu/core/error.h"
#include "npu/core/launch_queue.h"
#include "sync_debug.h"

namespace npu::bindings {

namespace {

using Triple = std::tuple<c10::StreamId, DeviceIndex, int>;

// What was enqueued before keeps the options that it was enqueued under.
void settle(DeviceIndex device) {
  bind_device(device);
  if (LaunchQueue* queue = LaunchQueue::started(device)) queue->flush();
}

aclrtStream native(const Triple& stream) {
  auto [id, device, type] = stream;
  bind_device(device);
  return NPUStream::unpack3(id, device, static_cast<c10::DeviceType>(type)).stream();
}

aclrtDevResLimitType resource(int type) { return static_cast<aclrtDevResLimitType>(type); }

void set_device_limit(DeviceIndex device, int type, uint32_t value) {
  settle(device);
  NPU_CHECK(cann().aclrtSetDeviceResLimit(device, resource(type), value));
}

uint32_t device_limit(DeviceIndex device, int type) {
  bind_device(device);
  uint32_t value = 0;
  NPU_CHECK(cann().aclrtGetDeviceResLimit(device, resource(type), &value));
  return value;
}

uint32_t stream_limit(const Triple& stream, int type) {
  uint32_t value = 0;
  NPU_CHECK(cann().aclrtGetStreamResLimit(native(stream), resource(type), &value));
  return value;
}

uint64_t set_operator_timeout(uint64_t microseconds) {
  bind_device(current_device());
  uint64_t actual = 0;
  NPU_CHECK(cann().aclrtSetOpExecuteTimeOutV2(microseconds, &actual));
  return actual;
}

// Address and length of memory that the hardware could not correct.
std::vector<std::pair<uintptr_t, size_t>> broken_memory(DeviceIndex device) {
  bind_device(device);
  constexpr size_t most = 20;
  aclrtMemUceInfo found[most] = {};
  size_t count = 0;
  NPU_CHECK(cann().aclrtGetMemUceInfo(device, found, most, &count));
  std::vector<std::pair<uintptr_t, size_t>> ranges;
  for (size_t i = 0; i < std::min(count, most); ++i)
    ranges.emplace_back(reinterpret_cast<uintptr_t>(found[i].addr), found[i].len);
  return ranges;
}

std::optional<int> cann_attribute(int attribute) {
  if (!cann_usable() || !cann().has_aclGetCannAttribute) return std::nullopt;
  int32_t value = 0;
  if (cann().aclGetCannAttribute(static_cast<aclCannAttr>(attribute), &value) != 0) return std::nullopt;
  return value;
}

}  // namespace

void add_options(py::module_& m) {
  const py::arg device("device"), type("type"), stream("stream"), value("value");
  def(
      m, "set_system_parameter",
      [](DeviceIndex d, int option, int64_t v) {
        settle(d);
        set_system_parameter(static_cast<aclSysParamOpt>(option), v);
      },
      device, py::arg("option"), value);
  def(m, "set_device_limit", set_device_limit, device, type, value);
  def(m, "device_limit", device_limit, device, type);
  def(
      m, "reset_device_limit",
      [](DeviceIndex d) {
        settle(d);
        NPU_CHECK(cann().aclrtResetDeviceResLimit(d));
      },
      device);
  def(
      m, "set_stream_limit",
      [](const Triple& s, int t, uint32_t v) {
        NPU_CHECK(cann().aclrtSetStreamResLimit(native(s), resource(t), v));
      },
      stream, type, value);
  def(m, "stream_limit", stream_limit, stream, type);
  def(
      m, "reset_stream_limit", [](const Triple& s) { NPU_CHECK(cann().aclrtResetStreamResLimit(native(s))); },
      stream);

  def(m, "init_dump", [] {
    bind_device(current_device());
    NPU_CHECK(cann().aclmdlInitDump());
  });
  def(
      m, "set_dump", [](const std::string& file) { NPU_CHECK(cann().aclmdlSetDump(file.c_str())); },
      py::arg("file"));
  def(m, "finalize_dump", [] { NPU_CHECK(cann().aclmdlFinalizeDump()); });

  def(m, "set_operator_timeout", set_operator_timeout, py::arg("microseconds"));
  def(m, "broken_memory", broken_memory, device);
  def(
      m, "abort_tasks",
      [](DeviceIndex d) {
        bind_device(d);
        NPU_CHECK(cann().aclrtDeviceTaskAbort(d, 0));
      },
      device);
  def(
      m, "forget_error",
      [](DeviceIndex d) {
        if (LaunchQueue* queue = LaunchQueue::started(d)) queue->take_error();
      },
      device);
  def(m, "cann_attribute", cann_attribute, py::arg("attribute"));

  def_py(m, "task_queue", [] { return queued_launches() ? 2 : 0; });
  def(
      m, "set_task_queue", [](bool queued) { set_queued_launches(queued); }, py::arg("queued"));
  def_py(
      m, "set_cube_math", [](int kind, int type) { set_cube_math(static_cast<npu_cube>(kind), type); },
      py::arg("kind"), py::arg("type"));

  def_py(m, "private_formats", [] { return private_formats_allowed(); });
  def_py(
      m, "set_private_formats", [](bool allowed) { allow_private_formats(allowed); }, py::arg("allowed"));

  def_py(
      m, "set_sync_debug_mode", [](int mode) { set_sync_debug_mode(static_cast<SyncDebugMode>(mode)); },
      py::arg("mode"));
  def_py(m, "sync_debug_mode", [] { return static_cast<int>(sync_debug_mode()); });
}

}  // namespace npu::bindings
