// SPDX-License-Identifier: BSD-3-Clause
// What the copy slot asks of the pinned host allocator.
#pragma once

#include "npu/core/NPUStream.h"

namespace npu {

struct HostMemoryHooks {
  // Whether the address lies in a pinned block.
  bool (*is_pinned)(const void* ptr) = nullptr;
  // The block must not be reused before what is enqueued on `stream` so far has completed. False: not its
  // block.
  bool (*record_event)(const void* ptr, const NPUStream& stream) = nullptr;
};

NPU_API void set_host_memory_hooks(HostMemoryHooks hooks) noexcept;

// Copies bytes on the current stream of the npu device; -1 is the host. Between a device and the host the
// copy has happened on return unless it is `non_blocking` and the host memory is pinned. Between devices it
// is always in stream order: it waits for the destination's current stream and that one waits for it.
NPU_API void copy_bytes(void* dst, DeviceIndex dst_device, const void* src, DeviceIndex src_device,
                        size_t nbytes, bool non_blocking);
// Sets bytes on the current stream of the current device.
NPU_API void fill_bytes(void* dst, int value, size_t nbytes);

}  // namespace npu
