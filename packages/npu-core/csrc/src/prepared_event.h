// SPDX-License-Identifier: BSD-3-Clause
// Events of kinds that torch has no words for. torch makes an event's native part with its first record, and
// hands a backend no more than whether it tells times. So who makes another kind says so just before, on the
// same thread, and records then.
#pragma once

#include <optional>
#include <string>

#include "npu/core/NPUEvent.h"

namespace npu {

// The next event that torch makes on this thread is of this kind; or the one that `handle` names, of another
// process. `record`: whether the record that makes it counts as one. Until forget_event().
NPU_API void prepare_event(EventKind kind, std::string handle, bool record);
NPU_API void forget_event() noexcept;
// What was prepared, or null.
NPUEvent* take_prepared_event(DeviceIndex device, bool* record);

}  // namespace npu
