// SPDX-License-Identifier: BSD-3-Clause
#include "bindings.h"

PYBIND11_MODULE(_C, m) {
  m.doc() = "libnpu_core for Python. The contract is _C.pyi.";
  npu::bindings::add_runtime(m);
  npu::bindings::add_devices(m);
  npu::bindings::add_streams(m);
  npu::bindings::add_memory(m);
  npu::bindings::add_memory_history(m);
  npu::bindings::add_pools(m);
  npu::bindings::add_options(m);
  npu::bindings::add_graphs(m);
  npu::bindings::add_ipc(m);
  npu::bindings::add_operators(m);
  npu::bindings::add_location(m);
}
