// SPDX-License-Identifier: BSD-3-Clause
#include "launcher.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>

#include "capture.h"
#include "npu/core/env.h"
#include "npu/core/error.h"
#include "npu/core/launch_queue.h"
#include "streams.h"

namespace npu {
namespace {

constexpr size_t kWorkspaceStep = size_t{2} << 20;

std::atomic<ReclaimHook> g_reclaim{nullptr};
std::atomic<size_t> g_bytes[kMaxDevices];

// Frees a stream's workspace once its last user on the device is done. Bytes freed.
size_t release(detail::StreamState& stream) {
  if (!stream.workspace) return 0;
  NPU_CHECK(cann().aclrtSynchronizeStream(stream.handle()));
  NPU_CHECK(cann().aclrtFree(stream.workspace));
  stream.workspace = nullptr;
  g_bytes[stream.device].fetch_sub(stream.workspace_bytes, std::memory_order_relaxed);
  return std::exchange(stream.workspace_bytes, 0);
}

}  // namespace

void set_reclaim_hook(ReclaimHook hook) noexcept { g_reclaim.store(hook, std::memory_order_release); }

Launcher::Launcher(DeviceIndex device) : executors(env().executor_cache), device_(device) {}

void* Launcher::workspace(detail::StreamState& stream, size_t bytes) {
  if (C10_UNLIKELY(graph && bytes > 0)) {
    if (void* memory = graph->of(stream, bytes)) return memory;
  }
  if (bytes <= stream.workspace_bytes) return bytes ? stream.workspace : nullptr;
  // Growing by half at least keeps the number of synchronisations logarithmic.
  const size_t grown = std::max(bytes, stream.workspace_bytes + stream.workspace_bytes / 2);
  const size_t wanted = (grown + kWorkspaceStep - 1) / kWorkspaceStep * kWorkspaceStep;
  release(stream);
  void* memory = nullptr;
  int code = cann().aclrtMalloc(&memory, wanted, ACL_MEM_MALLOC_HUGE_FIRST);
  if (is_out_of_memory(code)) {
    ReclaimHook reclaim = g_reclaim.load(std::memory_order_acquire);
    if (reclaim && reclaim(device_)) code = cann().aclrtMalloc(&memory, wanted, ACL_MEM_MALLOC_HUGE_FIRST);
  }
  TORCH_CHECK_WITH(OutOfMemoryError, !is_out_of_memory(code), "NPU out of memory: no room for ", wanted,
                   " bytes of workspace on npu:", static_cast<int>(device_), ". ",
                   error_message("aclrtMalloc", code),
                   ". torch.npu.empty_cache() returns what no tensor uses.");
  if (code != 0) raise_cann("aclrtMalloc", code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
  stream.workspace = memory;
  stream.workspace_bytes = wanted;
  g_bytes[stream.device].fetch_add(wanted, std::memory_order_relaxed);
  return memory;
}

size_t Launcher::release_workspaces() {
  size_t freed = 0;
  detail::for_each_stream(
      device_, [](detail::StreamState& s, void* total) { *static_cast<size_t*>(total) += release(s); },
      &freed);
  return freed;
}

size_t workspace_bytes(DeviceIndex device) noexcept {
  return g_bytes[device].load(std::memory_order_relaxed);
}

}  // namespace npu
