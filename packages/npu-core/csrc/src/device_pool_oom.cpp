// SPDX-License-Identifier: BSD-3-Clause
// The error of a DevicePool that has no more memory: where the memory is, and what would help.
#include <c10/core/AllocatorConfig.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "device_pool.h"
#include "npu/core/location.h"

namespace npu {

using c10::CachingAllocator::AcceleratorAllocatorConfig;

namespace {

constexpr size_t kLargest = 5;  // blocks that the error names

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

// The first sentence that fits is the setting that would help most.
std::string advice(size_t wanted, size_t cached, size_t graphs, bool limited, size_t free, bool expandable) {
  if (wanted <= cached && !expandable)
    return "The cache has enough, in pieces that are too small or belong to other streams: "
           "PYTORCH_NPU_ALLOC_CONF=expandable_segments:True joins them; max_split_size_mb:<n> also reduces "
           "fragmentation.";
  if (limited && wanted <= free)
    return "The device has enough: raise the limit, or per_process_memory_fraction in "
           "PYTORCH_NPU_ALLOC_CONF.";
  if (graphs > wanted) return "Graphs that are not replayed any more free their pool on reset().";
  return "Use smaller batches or free tensors.";
}

}  // namespace

// The blocks that hold most, with who asked for them.
std::vector<std::pair<size_t, Location>> DevicePool::largest_blocks(size_t count) {
  std::vector<std::pair<size_t, Location>> blocks;
  for (const auto& [base, segment] : segments_) {
    if (segment.small) continue;
    for (const Block* b = segment.first; b; b = b->next) {
      if (b->allocated) blocks.emplace_back(b->requested, b->where);
    }
  }
  std::sort(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  if (blocks.size() > count) blocks.resize(count);
  return blocks;
}

void DevicePool::out_of_memory(const Request& r, Lock& lock) {
  ++stats_.num_ooms;
  const auto allocated = static_cast<size_t>(stats_.allocated_bytes[0].current);
  const size_t reserved = reserved_;
  const auto limit = limit_;
  size_t graphs = 0;
  for (const auto& [id, arena] : private_) graphs += arena->captured ? arena->reserved : 0;
  std::vector<std::pair<size_t, Location>> largest = largest_blocks(kLargest);
  const auto observers = observers_;
  const bool capturing = captures_ > 0;
  lock.unlock();

  const auto [free, total] = backend_.memory_info();
  const auto others = backend_.others();
  {
    auto context = history_.gather(MemoryHistory::RecordContext::STATE);
    lock.lock();
    history_.add(MemoryHistory::Entry::OOM, device_, reinterpret_cast<void*>(free), r.size, r.stream,
                 r.arena->id, std::move(context));
    lock.unlock();
  }
  c10::reportOutOfMemoryToProfiler(static_cast<int64_t>(r.size), allocated, reserved,
                                   c10::Device(c10::DeviceType::PrivateUse1, device_));
  for (const auto& observer : observers) observer(device_, r.size, total, free);

  std::ostringstream text;
  text << "NPU out of memory. Tried to allocate " << bytes(r.requested)
       << " on npu:" << static_cast<int>(device_) << ", which has " << bytes(total) << " in total and "
       << bytes(free) << " free.";
  if (limit)
    text << " This process is limited to " << bytes(*limit)
         << " by torch.npu.set_per_process_memory_fraction.";
  if (capturing) text << " A graph is being captured, so cached memory could not be returned to the device.";
  const size_t cached = reserved - allocated;
  text << "\n  tensors:       " << bytes(allocated) << "\n  cache:         " << bytes(cached)
       << ", which cannot serve this request";
  if (graphs > 0) text << "\n  graphs:        " << bytes(graphs) << " of these, in pools of their own";
  size_t known = reserved;
  for (const auto& [what, size] : others) {
    if (size > 0)
      text << "\n  " << what << ':' << std::string(14 - std::min<size_t>(14, what.size()), ' ')
           << bytes(size);
    known += size;
  }
  const size_t used = total - std::min(total, free);
  if (used > known) text << "\n  others:        " << bytes(used - known) << " (CANN, other processes)";
  if (!largest.empty()) text << "\n  largest blocks:";
  for (const auto& [size, where] : largest) {
    const std::string line = resolve_location(where);
    text << "\n    " << bytes(size) << (line.empty() ? "" : " from " + line);
  }
  text << "\n  "
       << advice(r.size, cached, graphs, limit.has_value(), free,
                 AcceleratorAllocatorConfig::use_expandable_segments());
  const std::string where = resolve_location(capture_location());
  if (!where.empty()) text << "\n  asked for at: " << where;
  TORCH_CHECK_WITH(OutOfMemoryError, false, text.str());
}

}  // namespace npu
