// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/location.h"

#include <atomic>

namespace npu {
namespace {
// Two pointers, not one struct: a launch on another thread may read while a test replaces the hook.
std::atomic<Location (*)() noexcept> g_capture{nullptr};
std::atomic<std::string (*)(const Location&)> g_resolve{nullptr};
}  // namespace

void set_location_hook(LocationHook hook) noexcept {
  g_resolve.store(hook.resolve, std::memory_order_release);
  g_capture.store(hook.capture, std::memory_order_release);
}

Location capture_location() noexcept {
  auto capture = g_capture.load(std::memory_order_acquire);
  return capture ? capture() : Location{};
}

std::string resolve_location(const Location& location) {
  auto resolve = g_resolve.load(std::memory_order_acquire);
  return resolve && location.code ? resolve(location) : std::string();
}

}  // namespace npu
