// SPDX-License-Identifier: BSD-3-Clause
#include "cube_math.h"

#include <c10/util/Exception.h>

#include <atomic>

namespace npu {

namespace {

std::atomic<int32_t> g_types[NPU_CUBE_KINDS];

}  // namespace

int32_t cube_math(npu_cube kind) noexcept { return g_types[kind].load(std::memory_order_relaxed); }

void set_cube_math(npu_cube kind, int32_t type) {
  TORCH_CHECK_VALUE(kind >= 0 && kind < NPU_CUBE_KINDS, "there is no kind ", static_cast<int>(kind),
                    " of products");
  g_types[kind].store(type, std::memory_order_relaxed);
}

}  // namespace npu
