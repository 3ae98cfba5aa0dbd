// SPDX-License-Identifier: BSD-3-Clause
// What a DevicePool tells about itself: statistics, snapshot, and the error when memory is out.
#include <c10/core/AllocatorConfig.h>
#include <c10/util/Exception.h>

#include <cstdio>

#include "device_pool.h"
#include "npu/core/location.h"

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
  singles(s.oversize_allocations);
  singles(s.oversize_segments);
}

std::string bytes(size_t n) {
  const char* units[] = {"bytes", "KiB", "MiB", "GiB"};
  int unit = 0;
  auto value = static_cast<double>(n);
  while (value >= 1024 && unit < 3) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit ? "%.2f %s" : "%.0f %s", value, units[unit]);
  return text;
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

std::vector<SegmentInfo> DevicePool::snapshot() {
  Lock lock(mutex_);
  std::vector<SegmentInfo> segments;
  segments.reserve(segments_.size());
  for (const auto& [base, segment] : segments_) {
    SegmentInfo info;
    info.device = device_;
    info.address = reinterpret_cast<size_t>(base);
    info.total_size = segment.size;
    info.stream = reinterpret_cast<void*>(segment.first->stream);
    info.is_large = !segment.small;
    for (const Block* block = segment.first; block; block = block->next) {
      auto& b = info.blocks.emplace_back();
      b.size = block->size;
      b.requested_size = block->requested;
      b.allocated = block->allocated;
      b.active = !block->is_idle();
      if (b.active) info.active_size += block->size;
      if (b.active) info.requested_size += block->requested;
      if (b.allocated) info.allocated_size += block->size;
    }
    segments.push_back(std::move(info));
  }
  return segments;
}

bool DevicePool::owns(const void* ptr) {
  Lock lock(mutex_);
  auto it = segments_.upper_bound(static_cast<const char*>(ptr));
  if (it == segments_.begin()) return false;
  --it;
  return static_cast<const char*>(ptr) < it->first + it->second.size;
}

void DevicePool::out_of_memory(const Request& r, Lock& lock) {
  ++stats_.num_ooms;
  auto allocated = static_cast<size_t>(of(stats_.allocated_bytes, StatType::AGGREGATE).current);
  size_t reserved = reserved_;
  auto limit = limit_;
  lock.unlock();
  auto [free, total] = backend_.memory_info();
  c10::reportOutOfMemoryToProfiler(static_cast<int64_t>(r.size), allocated, reserved,
                                   c10::Device(c10::DeviceType::PrivateUse1, device_));
  std::string cap = limit ? " This process is limited to " + bytes(*limit) +
                                " by torch.npu.set_per_process_memory_fraction."
                          : "";
  const std::string where = resolve_location(capture_location());
  TORCH_CHECK_WITH(
      OutOfMemoryError, false, "NPU out of memory. Tried to allocate ", bytes(r.requested),
      " on npu:", static_cast<int>(device_), ", which has ", bytes(total), " in total and ", bytes(free),
      " free.", cap, " Tensors of this process use ", bytes(allocated), "; ", bytes(reserved - allocated),
      " more are reserved by its cache but cannot serve this request. Use smaller batches or free tensors; "
      "if much is "
      "reserved but unused, PYTORCH_NPU_ALLOC_CONF=max_split_size_mb:<n> reduces fragmentation.",
      where.empty() ? "" : "\n  asked for at: " + where);
}

}  // namespace npu
