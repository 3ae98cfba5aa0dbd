// SPDX-License-Identifier: BSD-3-Clause
// Pinned host memory: torch's caching host allocator over aclrtMallocHost. A block that a copy still uses is
// handed out again only after the copy's stream has passed it.
#pragma once

#include <ATen/core/CachingHostAllocator.h>

#include "npu/core/NPUStream.h"

namespace npu {

// Registered with ATen when libnpu_core is loaded. Allocating needs a usable runtime and initialises it.
NPU_API at::HostAllocator* getNPUCachingHostAllocator();
// Whether the address lies in a block of that allocator or in registered memory, its interior included. Never
// initialises.
NPU_API bool is_pinned(const void* ptr) noexcept;
// Pins memory that is not ours, where it is, until it is unregistered; the caller keeps it until the copies
// that use it are done. CANN's code, 0 if it succeeded. NotImplementedError if CANN cannot.
NPU_API int register_host_memory(void* ptr, size_t size);
NPU_API int unregister_host_memory(void* ptr);

}  // namespace npu
