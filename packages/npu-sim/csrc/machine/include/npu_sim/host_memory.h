// SPDX-License-Identifier: BSD-3-Clause
// Page-locked host memory: which ranges devices may reach. `is_pinned` is in memory.h.
#pragma once

#include <cstddef>

#include "npu_sim/api.h"

namespace npu_sim {

// Null if the host has no memory left.
NPU_SIM_API void* allocate_host(size_t size);
// False for an address that allocate_host did not return, or that was freed.
NPU_SIM_API bool free_host(void* p);
// Marks memory of the user's own. False if a part of it is marked already.
NPU_SIM_API bool register_host(void* p, size_t size);
NPU_SIM_API bool unregister_host(void* p);

}  // namespace npu_sim
