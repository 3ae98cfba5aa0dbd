// SPDX-License-Identifier: BSD-3-Clause
// The table of abi.h, as this libnpu_core fills it.
#pragma once

#include "npu/core/abi.h"
#include "npu/core/macros.h"

namespace npu {

NPU_API const npu_core_table* core_table() noexcept;

}  // namespace npu
