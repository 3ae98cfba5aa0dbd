// SPDX-License-Identifier: BSD-3-Clause
// torch.npu.matmul and torch.npu.conv: how far products may round. Plugins read it through the C table.
#pragma once

#include <cstdint>

#include "npu/core/abi.h"
#include "npu/core/macros.h"

namespace npu {

// aclnn's cubeMathType for products of one kind: what was set, else 3 (hf32) for matrix products if
// torch.set_float32_matmul_precision allows it, else 0 (keep the dtype).
NPU_API int32_t cube_math(npu_cube kind) noexcept;
NPU_API void set_cube_math(npu_cube kind, int32_t type);

}  // namespace npu
