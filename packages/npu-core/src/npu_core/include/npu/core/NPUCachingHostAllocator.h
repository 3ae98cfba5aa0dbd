// SPDX-License-Identifier: BSD-3-Clause
// Pinned host memory: torch's caching host allocator over aclrtMallocHost. A block that a copy still uses is
// handed out again only after the copy's stream has passed it.
#pragma once

#include <ATen/core/CachingHostAllocator.h>

#include "npu/core/NPUStream.h"

namespace npu {

// Registered with ATen when libnpu_core is loaded. Allocating needs a usable runtime and initialises it.
NPU_API at::HostAllocator* getNPUCachingHostAllocator();
// Whether the address lies in a block of that allocator, its interior included. Never initialises.
NPU_API bool is_pinned(const void* ptr) noexcept;

}  // namespace npu
