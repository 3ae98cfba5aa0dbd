// SPDX-License-Identifier: BSD-3-Clause
// What a DevicePool tells about itself: statistics, snapshot, history.
#include <c10/core/AllocatorConfig.h>

#include "device_pool.h"

namespace npu {

using c10::CachingAllocator::AcceleratorAllocatorConfig;
using c10::CachingAllocator::Stat;
using c10::CachingAllocator::StatArray;
using c10::CachingAllocator::StatType;
using c10::CachingDeviceAllocator::DeviceStats;
using c10::CachingDeviceAllocator::SegmentInfo;

namespace {

Stat& of(StatArray& stat, StatType type) { return stat[static_cast<size_t>(type)]; }
StatType pool_type(bool small) { return small ? StatType::SMALL_POOL : StatType::LARGE_POOL; }

template <class Arrays, class Singles>
void for_each_stat(DeviceStats& s, Arrays arrays, Singles singles) {
  for (StatArray* array : {&s.allocation, &s.segment, &s.active, &s.inactive_split, &s.allocated_bytes,
                           &s.reserved_bytes, &s.active_bytes, &s.inactive_split_bytes, &s.requested_bytes}) {
    for (Stat& stat : *array) arrays(stat);
  }
  for (auto& [id, array] : s.reserved_bytes_by_private_pools) {
    for (Stat& stat : array) arrays(stat);
  }
  singles(s.oversize_allocations);
  singles(s.oversize_segments);
}

}  // namespace

void DevicePool::count(StatArray& stat, bool small, size_t amount) {
  of(stat, StatType::AGGREGATE).increase(amount);
  of(stat, pool_type(small)).increase(amount);
}

void DevicePool::uncount(StatArray& stat, bool small, size_t amount) {
  of(stat, StatType::AGGREGATE).decrease(amount);
  of(stat, pool_type(small)).decrease(amount);
}

void DevicePool::count_reserved(const Arena& arena, bool small, size_t amount) {
  count(stats_.reserved_bytes, small, amount);
  if (&arena != &common_) count(stats_.reserved_bytes_by_private_pools[arena.id], small, amount);
}

void DevicePool::uncount_reserved(const Arena& arena, bool small, size_t amount) {
  uncount(stats_.reserved_bytes, small, amount);
  if (&arena != &common_) uncount(stats_.reserved_bytes_by_private_pools[arena.id], small, amount);
}

DeviceStats DevicePool::stats() {
  Lock lock(mutex_);
  DeviceStats s = stats_;
  s.max_split_size = static_cast<int64_t>(AcceleratorAllocatorConfig::max_split_size());
  return s;
}

std::pair<size_t, size_t> DevicePool::usage() {
  Lock lock(mutex_);
  return {static_cast<size_t>(of(stats_.allocated_bytes, StatType::AGGREGATE).current), reserved_};
}

void DevicePool::reset_peak_stats() {
  Lock lock(mutex_);
  auto reset = [](Stat& stat) { stat.reset_peak(); };
  for_each_stat(stats_, reset, reset);
}

void DevicePool::reset_accumulated_stats() {
  Lock lock(mutex_);
  auto reset = [](Stat& stat) { stat.reset_accumulated(); };
  for_each_stat(stats_, reset, reset);
  stats_.num_alloc_retries = 0;
  stats_.num_ooms = 0;
}

namespace {

SegmentInfo describe(const Segment& segment, c10::DeviceIndex device) {
  SegmentInfo info;
  info.device = device;
  info.stream = reinterpret_cast<void*>(segment.stream);
  info.is_large = !segment.small;
  info.is_expandable = segment.granule > 0;
  info.owner_private_pool_id = segment.arena->id;
  info.context_when_allocated = segment.context;
  return info;
}

}  // namespace

std::vector<SegmentInfo> DevicePool::snapshot(std::optional<c10::MempoolId_t> only) {
  Lock lock(mutex_);
  std::vector<SegmentInfo> segments;
  segments.reserve(segments_.size());
  for (const auto& [base, segment] : segments_) {
    if (only && segment.arena->id != *only) continue;
    bool open = false;  // what is mapped without a gap counts as a segment
    for (const Block* block = segment.first; block; block = block->next) {
      if (!block->mapped) {
        open = false;
        continue;
      }
      if (!std::exchange(open, true)) {
        segments.push_back(describe(segment, device_));
        segments.back().address = reinterpret_cast<size_t>(block->ptr);
      }
      SegmentInfo& info = segments.back();
      auto& b = info.blocks.emplace_back();
      b.size = block->size;
      b.requested_size = block->requested;
      b.allocated = block->allocated;
      b.active = !block->is_idle();
      b.context_when_allocated = block->context;
      info.total_size += block->size;
      if (b.active) info.active_size += block->size;
      if (b.active) info.requested_size += block->requested;
      if (b.allocated) info.allocated_size += block->size;
    }
  }
  history_.add(MemoryHistory::Entry::SNAPSHOT, device_, nullptr, reserved_, 0, {0, 0}, nullptr);
  return segments;
}

bool DevicePool::owns(const void* ptr) {
  Lock lock(mutex_);
  auto it = segments_.upper_bound(static_cast<const char*>(ptr));
  if (it == segments_.begin()) return false;
  --it;
  return static_cast<const char*>(ptr) < it->first + it->second.size;
}

ShareableMemory DevicePool::shareable(const Block* block) {
  Lock lock(mutex_);
  const Segment& segment = *block->segment;
  char* const first = segment.first->ptr;
  if (segment.granule == 0) return {first, segment.size, 0, {}};
  const size_t begin = static_cast<size_t>(block->ptr - first) / segment.granule * segment.granule;
  const size_t end = static_cast<size_t>(block->ptr - first) + block->size;
  const size_t nbytes = (end - begin + segment.granule - 1) / segment.granule * segment.granule;
  return {first + begin, nbytes, segment.granule, backend_.share(first + begin, nbytes, segment.granule)};
}

void DevicePool::note(MemoryHistory::Entry::Action action, const void* ptr, size_t size,
                      const Segment& segment, MemoryHistory::Context context) {
  if (C10_UNLIKELY(history_.on()))
    history_.add(action, device_, ptr, size, segment.stream, segment.arena->id, std::move(context));
}

void DevicePool::record_history(const HistorySettings& settings, bool clear) {
  Lock lock(mutex_);
  history_.configure(settings, clear);
}

std::vector<MemoryHistory::Entry> DevicePool::history() {
  Lock lock(mutex_);
  return history_.entries();
}

void DevicePool::observe_out_of_memory(OutOfMemoryObserver observer) {
  Lock lock(mutex_);
  observers_.push_back(std::move(observer));
}

}  // namespace npu
