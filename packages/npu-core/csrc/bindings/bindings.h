// SPDX-License-Identifier: BSD-3-Clause
// The parts of the module npu_core._C; src/npu_core/_C.pyi says what each function does.
#pragma once

// torch's bundled pybind11: objects cross between torch's modules and this one, so both must agree on its
// internals.
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/utils/pybind.h>

static_assert(
    PYBIND11_INTERNALS_VERSION == 11,
    "npu_core._C must be compiled with the pybind11 that torch bundles: put torch's include folder first");

namespace npu::bindings {

namespace py = pybind11;

// Defines a function that raises torch's exceptions and gives the GIL away while it runs: the launch thread
// and other Python threads go on meanwhile. For functions without Python objects.
template <class F, class... Extra>
void def(py::module_& m, const char* name, F f, const Extra&... extra) {
  m.def(name, torch::wrap_pybind_function_no_gil(std::move(f)), extra...);
}

// The same with the GIL held: for cheap queries and for functions that make Python objects.
template <class F, class... Extra>
void def_py(py::module_& m, const char* name, F f, const Extra&... extra) {
  m.def(name, torch::wrap_pybind_function(std::move(f)), extra...);
}

void add_runtime(py::module_& m);
void add_devices(py::module_& m);
void add_streams(py::module_& m);
void add_memory(py::module_& m);
void add_memory_history(py::module_& m);
void add_pools(py::module_& m);
void add_options(py::module_& m);
void add_graphs(py::module_& m);
void add_ipc(py::module_& m);
void add_operators(py::module_& m);
void add_location(py::module_& m);

}  // namespace npu::bindings
