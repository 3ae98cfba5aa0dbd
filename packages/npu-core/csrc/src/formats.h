// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "npu/core/macros.h"

namespace npu {

// Whether npu_format_cast() makes private storage formats. False at first.
NPU_API bool private_formats_allowed() noexcept;
NPU_API void allow_private_formats(bool allowed) noexcept;

}  // namespace npu
