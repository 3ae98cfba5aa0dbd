// SPDX-License-Identifier: BSD-3-Clause
// npu_dist._C. The contract is _C.pyi.
#include <pybind11/chrono.h>
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include "process_group.h"

static_assert(
    PYBIND11_INTERNALS_VERSION == 11,
    "torch 2.13's types are registered with pybind11 internals 11: its own headers must come first");

PYBIND11_MODULE(_C, m) {
  namespace py = pybind11;
  using npu::dist::ProcessGroupHCCL;
  py::module::import("torch._C._distributed_c10d");  // registers Backend
  m.doc() = "ProcessGroupHCCL for Python. The contract is _C.pyi.";
  py::class_<ProcessGroupHCCL, c10d::Backend, c10::intrusive_ptr<ProcessGroupHCCL>>(m, "ProcessGroupHCCL")
      .def(py::init([](const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                       const std::string& name, std::chrono::milliseconds timeout) {
             return c10::make_intrusive<ProcessGroupHCCL>(store, rank, size, name, timeout);
           }),
           py::arg("store"), py::arg("rank"), py::arg("size"), py::arg("name"), py::arg("timeout"),
           py::call_guard<py::gil_scoped_release>());
}
