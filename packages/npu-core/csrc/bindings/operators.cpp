// SPDX-License-Identifier: BSD-3-Clause
// Random generators, the launch queue and the CPU fallbacks.
#include <torch/csrc/Generator.h>

#include "bindings.h"
#include "npu/core/NPUGeneratorImpl.h"
#include "npu/core/fallback.h"
#include "npu/core/launch_queue.h"

namespace npu::bindings {

namespace {

py::tuple default_generators() {
  DeviceIndex count = device_count();
  py::tuple generators(count);
  for (DeviceIndex device = 0; device < count; ++device) {
    PyObject* wrapped = THPGenerator_Wrap(getDefaultNPUGenerator(device));
    if (!wrapped) throw python_error();
    generators[device] = py::reinterpret_steal<py::object>(wrapped);
  }
  return generators;
}

void flush(DeviceIndex device) {
  if (device < 0) return flush_all();
  if (LaunchQueue* queue = LaunchQueue::started(device)) queue->flush();
}

py::list report() {
  py::list rows;
  for (const FallbackCount& f : fallback_report()) {
    rows.append(py::make_tuple(f.op, f.reason, f.calls, f.bytes, f.nanoseconds));
  }
  return rows;
}

}  // namespace

void add_operators(py::module_& m) {
  def_py(m, "default_generators", default_generators);
  def(m, "flush", flush, py::arg("device") = -1);
  def(
      m, "note_fallback",
      [](const std::string& op, const std::string& reason, uint64_t nbytes, uint64_t nanoseconds) {
        note_fallback(op, reason, nbytes, nanoseconds);
      },
      py::arg("op"), py::arg("reason"), py::arg("nbytes") = 0, py::arg("nanoseconds") = 0);
  def_py(m, "fallback_report", report);
  def(m, "reset_fallback_report", [] { reset_fallback_report(); });
  def_py(
      m, "set_ops_installed", [](bool installed) { set_ops_installed(installed); }, py::arg("installed"));
}

}  // namespace npu::bindings
