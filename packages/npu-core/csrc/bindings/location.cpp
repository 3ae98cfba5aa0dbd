// SPDX-License-Identifier: BSD-3-Clause
// The hook of npu/core/location.h: the user's line that is calling us.
//
// A launch notes a code object and an offset. The code object is pinned on first sight (one reference for the
// life of the process, so the address stays its own); afterwards a note costs a walk over a few frames and a
// look into a small table of this thread. Frames inside torch and the npu wheels are skipped: the line to
// show is the user's.
#include "npu/core/location.h"

#include <array>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bindings.h"
#include "python_frames.h"

namespace npu::bindings {
namespace {

constexpr int kFrames = 32;  // looked at before giving up on a user's frame

struct Known {
  const void* code = nullptr;
  bool internal = false;
};
thread_local std::array<Known, 256> t_known;

std::vector<std::string>& internal_folders() {
  static auto* folders = new std::vector<std::string>;
  return *folders;
}

bool is_internal(PyCodeObject* code) {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(code->co_filename, &size);
  if (!text) {
    PyErr_Clear();
    return false;
  }
  const std::string_view file(text, static_cast<size_t>(size));
  if (file.starts_with("<frozen ") || file.starts_with("<eval_with_key>")) return true;
  for (const std::string& folder : internal_folders())
    if (file.starts_with(folder)) return true;
  return false;
}

// Pins the code object. Takes the GIL: once a code object and process.
bool pin(void* code) {
  static auto* pinned = new std::unordered_map<const void*, bool>;  // guarded by the GIL
  const PyGILState_STATE gil = PyGILState_Ensure();
  auto [it, fresh] = pinned->try_emplace(code, false);
  if (fresh) {
    Py_INCREF(static_cast<PyObject*>(code));
    it->second = is_internal(static_cast<PyCodeObject*>(code));
  }
  const bool internal = it->second;
  PyGILState_Release(gil);
  return internal;
}

bool known_internal(void* code) {
  Known& known = t_known[reinterpret_cast<uintptr_t>(code) / 64 % t_known.size()];
  if (C10_UNLIKELY(known.code != code)) known = {code, pin(code)};
  return known.internal;
}

Location capture() noexcept {
  Location innermost;
  int left = kFrames;
  for (const void* f = npu_frame_innermost(); f && left > 0; f = npu_frame_outer(f), --left) {
    void* code = npu_frame_code(f);
    if (!code) continue;
    const bool internal = known_internal(code);
    if (internal && innermost.code) continue;
    const Location here{code, npu_frame_offset(f)};
    if (!internal) return here;
    innermost = here;
  }
  return innermost;
}

std::string resolve(const Location& location) {
  if (!Py_IsInitialized()) return "";
  py::gil_scoped_acquire gil;
  auto* code = const_cast<PyCodeObject*>(static_cast<const PyCodeObject*>(location.code));
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  const char* file = PyUnicode_AsUTF8(code->co_filename);
  const char* name = file ? PyUnicode_AsUTF8(code->co_name) : nullptr;
  const int line = PyCode_Addr2Line(code, static_cast<int>(location.offset));
  std::string text;
  if (name) text = std::string(file) + ":" + std::to_string(line) + " in " + name;
  PyErr_Restore(type, value, trace);
  return text;
}

void set_locations(bool enabled) {
  set_location_hook(enabled ? LocationHook{&capture, &resolve} : LocationHook{});
}

// The folder of an imported package, with a slash.
std::string folder_of(const char* package) {
  auto paths = py::module_::import(package).attr("__path__");
  for (auto path : paths) return path.cast<std::string>() + "/";
  return "";
}

}  // namespace

void add_location(py::module_& m) {
  const std::string torch = folder_of("torch");
  const std::string site = torch.substr(0, torch.size() - sizeof("torch/") + 1);
  internal_folders() = {torch,
                        folder_of("npu_core"),
                        site + "npu_ops/",
                        site + "npu_amp/",
                        site + "npu_dist/",
                        site + "npu_profiler/",
                        site + "torch_npu/"};
  def_py(m, "set_locations", set_locations, py::arg("enabled"));
  set_locations(true);
}

}  // namespace npu::bindings
