// SPDX-License-Identifier: BSD-3-Clause
#include "operator.h"

#include <c10/util/Exception.h>

#include <cstring>
#include <mutex>
#include <string>

#include "npu/core/cann.h"
#include "process.h"

namespace npu {
namespace {

std::string first_phase(const char* name) { return std::string(name) + "GetWorkspaceSize"; }

std::mutex& resolve_mutex() {
  static std::mutex* m = new std::mutex;
  return *m;
}

}  // namespace

Operator& resolve(npu_operator& descriptor) {
  std::atomic_ref<void*> handle(descriptor.handle);
  if (void* known = handle.load(std::memory_order_acquire); C10_LIKELY(known != nullptr))
    return *static_cast<Operator*>(known);
  cann();  // raises why, if there is none
  void* prepare = operator_symbol(first_phase(descriptor.name).c_str());
  void* execute = operator_symbol(descriptor.name);
  TORCH_CHECK_NOT_IMPLEMENTED(prepare && execute, descriptor.name, " is not in this CANN (version ",
                              cann_version(), "). Searched: ", operator_libraries(),
                              ". It needs a newer CANN, or the operator package for this SoC.");
  std::lock_guard lock(resolve_mutex());
  if (void* known = handle.load()) return *static_cast<Operator*>(known);
  auto* op =
      new Operator{&descriptor, static_cast<uint32_t>(std::strlen(descriptor.directions)), prepare,
                   reinterpret_cast<Operator::Execute>(execute)};  // leaked: queued records point to it
  handle.store(op, std::memory_order_release);
  return *op;
}

bool has_operator(const char* name) noexcept {
  try {
    return operator_symbol(name) && operator_symbol(first_phase(name).c_str());
  } catch (...) {
    return false;
  }
}

}  // namespace npu
