// SPDX-License-Identifier: BSD-3-Clause
// State of the process that the parts of the runtime share: fork and shutdown.
#pragma once

#include <string>

#include "npu/core/NPUFunctions.h"

namespace npu {

inline constexpr const char* kBadFork =
    "Cannot re-initialize NPU in forked subprocess. To use NPU with multiprocessing, you must use the "
    "'spawn' start method: torch.multiprocessing.set_start_method('spawn') in the main program, or "
    "multiprocessing_context='spawn' of a DataLoader";

// True from the moment shutdown() began: no new work is taken, what is queued still runs.
bool closing() noexcept;
// What a thread gets that asks for work then: RuntimeError, or (see set_parking()) a wait for the end.
[[noreturn]] void refuse_after_shutdown();

// The operator libraries that were searched, for messages.
std::string operator_libraries();

// Python's lock is let go of while this lives: who waits for other threads must not hold it, they may need it
// first. Nothing for a thread that does not hold it.
class WithoutGil {
 public:
  WithoutGil();
  ~WithoutGil();
  WithoutGil(const WithoutGil&) = delete;  // takes the lock again once
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  void* held_;
};
// How to let go of it (null: this thread has none) and to take it again; npu-core's library knows no Python.
NPU_API void set_gil(void* (*release)() noexcept, void (*take)(void*) noexcept) noexcept;

namespace detail {
// In a forked child: makes cann() raise without touching locks that the parent may have held.
void forget_cann() noexcept;
}  // namespace detail

}  // namespace npu
