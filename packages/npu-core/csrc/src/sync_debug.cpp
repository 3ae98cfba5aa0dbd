// SPDX-License-Identifier: BSD-3-Clause
#include "sync_debug.h"

#include <c10/util/Exception.h>

#include <atomic>

#include "npu/core/location.h"

namespace npu {

namespace {

std::atomic<SyncDebugMode> g_mode{SyncDebugMode::kDefault};

}  // namespace

void set_sync_debug_mode(SyncDebugMode mode) noexcept { g_mode.store(mode, std::memory_order_relaxed); }
SyncDebugMode sync_debug_mode() noexcept { return g_mode.load(std::memory_order_relaxed); }

void note_sync(const char* what) {
  const SyncDebugMode mode = sync_debug_mode();
  if (C10_LIKELY(mode == SyncDebugMode::kDefault)) return;
  const std::string where = resolve_location(capture_location());
  const std::string text =
      std::string("called a synchronizing NPU operation: ") + what + (where.empty() ? "" : ", at " + where);
  if (mode == SyncDebugMode::kError) TORCH_CHECK(false, text);
  TORCH_WARN(text);
}

}  // namespace npu
