// SPDX-License-Identifier: BSD-3-Clause
// Where in the user's Python a piece of work was enqueued.
//
// Taking a location costs tens of nanoseconds on every launch, so it is two words that only the hook
// understands; it becomes text when an error is raised. libnpu_core knows no Python: _C installs the hook.
#pragma once

#include <cstdint>
#include <string>

#include "npu/core/macros.h"

namespace npu {

struct Location {
  const void* code = nullptr;  // kept alive by the hook for the life of the process
  int64_t offset = 0;
};

struct LocationHook {
  // Called without the GIL on any thread, before any lock is taken. Must not throw.
  Location (*capture)() noexcept = nullptr;
  // "file.py:12 in train", or "". Called while an error is raised, with or without the GIL.
  std::string (*resolve)(const Location&) = nullptr;
};

// Replaces the hook; a null `capture` turns locations off.
NPU_API void set_location_hook(LocationHook hook) noexcept;
NPU_API Location capture_location() noexcept;
NPU_API std::string resolve_location(const Location& location);

}  // namespace npu
