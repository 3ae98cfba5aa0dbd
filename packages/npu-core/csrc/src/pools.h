// SPDX-License-Identifier: BSD-3-Clause
// What the rest of npu-core asks of the caching allocator's pools beyond torch's interface: private pools,
// the history, the observers. All may be called from any thread, without the GIL or with it.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>

#include <optional>
#include <string>
#include <vector>

#include "device_pool.h"
#include "npu/core/NPUFunctions.h"

namespace npu::NPUCachingAllocator {

// The pool of a device, started on first use. Initialises.
NPU_API DevicePool& pool_of(DeviceIndex device);
// Null if the device allocated nothing yet.
NPU_API DevicePool* started_pool(DeviceIndex device) noexcept;

// An id that no private pool had before.
NPU_API c10::MempoolId_t new_pool_id();
// Sends this thread's allocations on `device` to a private pool, until DevicePool::end_route.
NPU_API void begin_thread_route(DeviceIndex device, c10::MempoolId_t id);

// Segments of one device, or of all with -1; of all pools, or of a private one.
NPU_API std::vector<c10::CachingDeviceAllocator::SegmentInfo> snapshot(
    DeviceIndex device = -1, std::optional<c10::MempoolId_t> only = std::nullopt);
// For all devices, also those that start later.
NPU_API void record_history(const HistorySettings& settings, bool clear);
NPU_API std::vector<MemoryHistory::Entry> history(DeviceIndex device);

// The settings at one moment, by torch's names and in its units: bytes, SIZE_MAX for no limit. A division for
// each power of two from 1 MB on.
struct Settings {
  std::string text;
  size_t max_split_size;
  double garbage_collection_threshold;
  bool expandable_segments;
  std::vector<size_t> roundup_power2_divisions;
};
NPU_API Settings settings_in_force();

NPU_API void observe_out_of_memory(const OutOfMemoryObserver& observer);

// Null for memory of another owner: an empty storage, foreign or received memory. A sent storage has one.
Block* block_of(const c10::DataPtr& ptr);

// Undoes recordStream: the caller knows that the work there is done.
NPU_API void erase_stream(const c10::DataPtr& ptr, c10::Stream stream);

}  // namespace npu::NPUCachingAllocator
