// SPDX-License-Identifier: BSD-3-Clause
// Runtime selection, initialisation, shutdown, the plugins' table.
#include <ATen/Context.h>

#include "bindings.h"
#include "npu/core/NPUFunctions.h"
#include "npu/core/cann.h"
#include "npu/core/table.h"
#include "process.h"

namespace npu::bindings {

namespace {

PyObject* g_selector = nullptr;  // owned for the life of the process

// C++ needs the runtime and nobody chose one yet. Runs on any thread, without the GIL or with it.
void select_runtime() {
  if (!Py_IsInitialized()) return;
  py::gil_scoped_acquire gil;
  if (!g_selector) return;
  PyObject* type;
  PyObject* value;
  PyObject* trace;
  PyErr_Fetch(&type, &value, &trace);  // the caller may be inside the handling of an exception
  PyObject* result = PyObject_CallNoArgs(g_selector);
  if (!result) PyErr_WriteUnraisable(g_selector);
  Py_XDECREF(result);
  PyErr_Restore(type, value, trace);
}

}  // namespace

void add_runtime(py::module_& m) {
  def_py(
      m, "set_runtime",
      [](std::optional<std::string> library_dir, std::string reason) {
        set_runtime(std::move(library_dir), std::move(reason));
      },
      py::arg("library_dir").none(true), py::arg("reason"));
  def_py(
      m, "set_runtime_selector",
      [](py::function selector) {
        Py_XDECREF(g_selector);
        g_selector = selector.release().ptr();
        npu::set_runtime_selector(&select_runtime);
      },
      py::arg("selector"));
  def(m, "runtime_reason", [] { return cann_reason(); });
  def(m, "runtime_version", []() -> std::optional<std::string> {
    if (!cann_usable()) return std::nullopt;
    return cann_version();
  });
  def(m, "init", [] {
    npu::init();
    at::globalContext().lazyInitDevice(
        c10::DeviceType::PrivateUse1);  // else ATen holds that nothing is pinned
  });
  def_py(m, "is_initialized", [] { return is_initialized(); });
  def_py(m, "is_in_bad_fork", [] { return in_bad_fork(); });
  def(m, "shutdown", [] {
    std::string unseen = npu::shutdown();
    if (!unseen.empty()) {
      TORCH_WARN("an error on the NPU was not seen before the end of the script: ", unseen);
    }
  });
  // A Python thread inside an operator, without the GIL: see set_parking().
  set_parking(
      []() noexcept { return PyGILState_GetThisThreadState() != nullptr && PyGILState_Check() == 0; });
  set_gil([]() noexcept -> void* { return PyGILState_Check() ? PyEval_SaveThread() : nullptr; },
          [](void* thread) noexcept { PyEval_RestoreThread(static_cast<PyThreadState*>(thread)); });
  def_py(m, "core_table", [] { return reinterpret_cast<uintptr_t>(core_table()); });
}

}  // namespace npu::bindings
