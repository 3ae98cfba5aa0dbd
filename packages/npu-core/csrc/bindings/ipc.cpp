// SPDX-License-Identifier: BSD-3-Clause
#include "ipc.h"

#include "bindings.h"

namespace npu::bindings {

namespace {

// As a tuple of plain values: it is pickled.
using Shared =
    std::tuple<int, py::bytes, uint64_t, uint64_t, int64_t, int64_t, uint64_t, uint64_t, py::bytes>;

Shared share(const at::Storage& storage) {
  HANDLE_TH_ERRORS
  SharedStorage s;
  {
    const py::gil_scoped_release no_gil;
    s = share_storage(storage);
  }
  return {s.device, py::bytes(s.key), s.offset, s.nbytes,          s.process,
          s.file,   s.nonce,          s.place,  py::bytes(s.event)};
  END_HANDLE_TH_ERRORS_PYBIND
}

at::Storage open(const Shared& shared) {
  HANDLE_TH_ERRORS
  SharedStorage s;
  py::bytes key, event;
  int device = 0;
  std::tie(device, key, s.offset, s.nbytes, s.process, s.file, s.nonce, s.place, event) = shared;
  s.device = static_cast<DeviceIndex>(device);
  s.key = key;
  s.event = event;
  const py::gil_scoped_release no_gil;
  return open_storage(s);
  END_HANDLE_TH_ERRORS_PYBIND
}

}  // namespace

void add_ipc(py::module_& m) {
  m.def("share_storage", &share, py::arg("storage"));
  m.def("open_storage", &open, py::arg("shared"));
  def(m, "ipc_collect", [] { return ipc_collect(); });
}

}  // namespace npu::bindings
