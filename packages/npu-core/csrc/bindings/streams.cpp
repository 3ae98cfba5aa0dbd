// SPDX-License-Identifier: BSD-3-Clause
#include "bindings.h"
#include "npu/core/NPUEvent.h"
#include "npu/core/error.h"
#include "prepared_event.h"

namespace npu::bindings {

namespace {

using Triple = std::tuple<c10::StreamId, DeviceIndex, int>;

Triple triple(const NPUStream& stream) {
  auto data = stream.pack3();
  return {data.stream_id, data.device_index, static_cast<int>(data.device_type)};
}

NPUStream stream(c10::StreamId id, DeviceIndex device, int type) {
  return NPUStream::unpack3(id, device, static_cast<c10::DeviceType>(type));
}

// In microseconds of the device's clock.
uint64_t recorded_time(NPUEvent& event) {
  TORCH_CHECK_VALUE(event.timing(), "the event must be created with argument 'enable_timing=True'");
  using Ask = decltype(&aclrtEventGetTimestamp);
  static const auto ask = reinterpret_cast<Ask>(cann_symbol("libascendcl.so", "aclrtEventGetTimestamp"));
  TORCH_CHECK_NOT_IMPLEMENTED(ask, "this CANN has no aclrtEventGetTimestamp");
  bind_device(event.device_index());
  uint64_t time = 0;
  NPU_CHECK(ask(event.event(), &time));
  return time;
}

}  // namespace

void add_streams(py::module_& m) {
  auto arguments = [&m](const char* name, auto f) {
    def(m, name, f, py::arg("stream_id"), py::arg("device_index"), py::arg("device_type"));
  };
  def(
      m, "current_stream",
      [](DeviceIndex device) {
        if (device >= 0) check_device(device);
        return triple(getCurrentNPUStream(device));
      },
      py::arg("device") = -1);
  def(
      m, "default_stream", [](DeviceIndex device) { return triple(getDefaultNPUStream(device)); },
      py::arg("device") = -1);
  arguments("set_stream", [](c10::StreamId id, DeviceIndex device, int type) {
    NPUStream s = stream(id, device, type);
    set_device(s.device_index());
    setCurrentNPUStream(s);
  });
  arguments("stream_priority", [](c10::StreamId id, DeviceIndex device, int type) {
    return stream(id, device, type).priority();
  });
  def_py(m, "stream_priority_range", [] { return NPUStream::priority_range(); });
  arguments("stream_handle", [](c10::StreamId id, DeviceIndex device, int type) {
    return reinterpret_cast<uintptr_t>(stream(id, device, type).stream());
  });
  def(
      m, "external_stream",
      [](uintptr_t pointer, DeviceIndex device) {
        return triple(getStreamFromExternal(reinterpret_cast<aclrtStream>(pointer), device));
      },
      py::arg("pointer"), py::arg("device_index"));
  def(
      m, "event_recorded_time",
      [](uintptr_t event) { return recorded_time(*reinterpret_cast<NPUEvent*>(event)); }, py::arg("event"));
  def(
      m, "event_elapsed_time",
      [](uintptr_t begin, uintptr_t end) {
        TORCH_CHECK_VALUE(begin && end, "Both events must be recorded before calculating elapsed time.");
        return reinterpret_cast<NPUEvent*>(begin)->elapsed_time(*reinterpret_cast<NPUEvent*>(end));
      },
      py::arg("begin"), py::arg("end"));
  m.def(
      "prepare_event",
      [](int kind, const py::bytes& handle, bool record) {
        prepare_event(static_cast<EventKind>(kind), handle, record);
      },
      py::arg("kind"), py::arg("handle"), py::arg("record"));
  m.def("forget_event", [] { forget_event(); });
  m.def(
      "event_ipc_handle",
      [](uintptr_t event) {
        HANDLE_TH_ERRORS
        std::string handle;
        {
          const py::gil_scoped_release no_gil;
          handle = reinterpret_cast<NPUEvent*>(event)->ipc_handle();
        }
        return py::bytes(handle);
        END_HANDLE_TH_ERRORS_PYBIND
      },
      py::arg("event"));
  def(
      m, "event_reset",
      [](uintptr_t event, const Triple& s) {
        auto [id, device, type] = s;
        reinterpret_cast<NPUEvent*>(event)->reset(stream(id, device, type));
      },
      py::arg("event"), py::arg("stream"));
}

}  // namespace npu::bindings
