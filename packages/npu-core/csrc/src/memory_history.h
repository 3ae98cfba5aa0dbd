// SPDX-License-Identifier: BSD-3-Clause
// What a DevicePool did, entry by entry, in torch's own types, so that torch's viewers of snapshots read it.
//
// Off, it costs one relaxed load an allocation. On, the caller's stack is gathered before the pool's lock is
// taken, since that may take the GIL; entries are added under the lock.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "npu/core/macros.h"

namespace npu {

struct HistorySettings {
  bool enabled = false;
  size_t max_entries = 0;  // the last ones are kept; 0 keeps none, only stacks of live blocks
  c10::CachingDeviceAllocator::RecordContext when = c10::CachingDeviceAllocator::RecordContext::NEVER;
  c10::CachingDeviceAllocator::CreateContextFn create = nullptr;
  uint32_t skipped = 0;  // a bit for each TraceEntry::Action that is left out
};

class MemoryHistory {
 public:
  using Context = std::shared_ptr<c10::GatheredContext>;
  using Entry = c10::CachingDeviceAllocator::TraceEntry;
  using RecordContext = c10::CachingDeviceAllocator::RecordContext;

  bool on() const { return level_.load(std::memory_order_relaxed) >= 0; }
  // The caller's stack, if stacks of this level are wanted. Without the pool's lock.
  Context gather(RecordContext level) const;

  // Under the pool's lock, as the rest.
  void configure(const HistorySettings& settings, bool clear);
  void add(Entry::Action action, c10::DeviceIndex device, const void* ptr, size_t size, c10::StreamId stream,
           c10::MempoolId_t pool, Context context);
  // Oldest first.
  std::vector<Entry> entries() const;

 private:
  std::atomic<int> level_{-1};  // a RecordContext; -1: off
  std::atomic<c10::CachingDeviceAllocator::CreateContextFn> create_{nullptr};
  HistorySettings settings_;
  std::vector<Entry> ring_;
  size_t next_ = 0;  // the oldest one, once the ring is full
};

// What this thread's later allocations carry in the history.
NPU_API void set_memory_metadata(std::string text);
NPU_API const std::string& memory_metadata();

}  // namespace npu
