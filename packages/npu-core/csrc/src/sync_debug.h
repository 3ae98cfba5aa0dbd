// SPDX-License-Identifier: BSD-3-Clause
// torch.npu.set_sync_debug_mode: finds the calls that make Python wait for the device without saying so.
//
// Those are copies between device and host that wait (item(), tolist(), nonzero(), a blocking or unpinned
// copy) and Stream.synchronize(), as in torch.cuda. torch.npu.synchronize() and events say what they do.
#pragma once

#include "npu/core/macros.h"

namespace npu {

enum class SyncDebugMode { kDefault = 0, kWarn = 1, kError = 2 };

NPU_API void set_sync_debug_mode(SyncDebugMode mode) noexcept;
NPU_API SyncDebugMode sync_debug_mode() noexcept;

// Called where the caller is about to wait. RuntimeError in mode kError.
void note_sync(const char* what);

}  // namespace npu
