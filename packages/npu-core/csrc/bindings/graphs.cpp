// SPDX-License-Identifier: BSD-3-Clause
#include "NPUGraph.h"
#include "bindings.h"
#include "npu/core/error.h"

namespace npu::bindings {

namespace {

using Triple = std::tuple<c10::StreamId, DeviceIndex, int>;
using Id = std::optional<c10::MempoolId_t>;

at::GraphCaptureMode mode_of(const std::string& name) {
  if (name == "global" || name == "default") return at::GraphCaptureMode::Global;
  if (name == "thread_local") return at::GraphCaptureMode::ThreadLocal;
  TORCH_CHECK_VALUE(name == "relaxed", "capture_error_mode is 'global', 'thread_local' or 'relaxed', found '",
                    name, "'");
  return at::GraphCaptureMode::Relaxed;
}

aclrtStream native(const Triple& stream) {
  auto [id, device, type] = stream;
  bind_device(device);
  return NPUStream::unpack3(id, device, static_cast<c10::DeviceType>(type)).stream();
}

// Methods give the GIL away: they wait for the launch thread.
template <class F>
auto method(F f) {
  return torch::wrap_pybind_function_no_gil(f);
}

}  // namespace

void add_graphs(py::module_& m) {
  py::class_<NPUGraph>(m, "NPUGraph")
      .def(py::init([] { return std::make_unique<NPUGraph>(); }))
      .def("capture_begin", method([](NPUGraph& g, Id pool, const std::string& mode) {
             g.capture_begin(pool.value_or(c10::MempoolId_t(0, 0)), mode_of(mode));
           }),
           py::arg("pool").none(true), py::arg("mode"))
      .def("capture_end", method([](NPUGraph& g) { g.capture_end(); }))
      .def("replay", method([](NPUGraph& g) { g.replay(); }))
      .def("reset", method([](NPUGraph& g) { g.reset(); }))
      .def("pool", method([](NPUGraph& g) { return g.pool(); }))
      .def("debug_dump", method([](NPUGraph& g, const std::string& path) { g.debug_dump(path); }),
           py::arg("path"));
  def(m, "current_stream_is_capturing", [] { return current_stream_is_capturing(); });

  const py::arg stream("stream"), handle("handle");
  def(
      m, "begin_task_group",
      [](const Triple& s) { NPU_CHECK(cann().aclmdlRICaptureTaskGrpBegin(native(s))); }, stream);
  def(
      m, "end_task_group",
      [](const Triple& s) {
        aclrtTaskGrp group = nullptr;
        NPU_CHECK(cann().aclmdlRICaptureTaskGrpEnd(native(s), &group));
        return reinterpret_cast<uintptr_t>(group);
      },
      stream);
  def(
      m, "begin_task_update",
      [](const Triple& s, uintptr_t group) {
        NPU_CHECK(cann().aclmdlRICaptureTaskUpdateBegin(native(s), reinterpret_cast<aclrtTaskGrp>(group)));
      },
      stream, handle);
  def(
      m, "end_task_update",
      [](const Triple& s) { NPU_CHECK(cann().aclmdlRICaptureTaskUpdateEnd(native(s))); }, stream);
}

}  // namespace npu::bindings
