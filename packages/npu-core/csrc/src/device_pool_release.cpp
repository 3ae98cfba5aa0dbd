// SPDX-License-Identifier: BSD-3-Clause
// How a DevicePool gives segments back to the device.
#include <c10/core/AllocatorConfig.h>

#include <algorithm>
#include <functional>

#include "device_pool.h"

namespace npu {

using c10::CachingAllocator::AcceleratorAllocatorConfig;

uint64_t DevicePool::quiesced(Lock& lock) {
  uint64_t epoch = ++epoch_;
  ++stats_.num_sync_all_streams;
  lock.unlock();
  try {
    backend_.quiesce();
  } catch (...) {
    lock.lock();
    throw;
  }
  lock.lock();
  settled_ = std::max(settled_, epoch);
  reclaim();
  auto safe = [epoch](const auto& entry) { return entry.second < epoch; };
  auto rest = std::stable_partition(unrecorded_.begin(), unrecorded_.end(), std::not_fn(safe));
  std::vector<std::pair<Block*, uint64_t>> done(rest, unrecorded_.end());
  unrecorded_.erase(rest, unrecorded_.end());
  for (auto [block, freed] : done) {
    if (--block->pending == 0) make_idle(block);
  }
  return epoch;
}

bool DevicePool::releasable(const Block* block, uint64_t epoch) const {
  return !block->is_split() && block->segment->freed_epoch < epoch;
}

// Gives the segment of `block`, which is idle and unsplit, back to the device.
void DevicePool::release(Block* block) {
  take(block);
  bool small = block->segment->small;
  backend_.free(block->ptr);
  ++stats_.num_device_free;
  reserved_ -= block->size;
  uncount(stats_.segment, small, 1);
  uncount(stats_.reserved_bytes, small, block->size);
  if (block->size >= AcceleratorAllocatorConfig::max_split_size()) stats_.oversize_segments.decrease(1);
  segments_.erase(block->ptr);
  recycle(block);
}

size_t DevicePool::release_all(uint64_t epoch) {
  size_t kept = 0;
  for (IdleBlocks* blocks : {&small_, &large_}) {
    for (auto it = blocks->begin(); it != blocks->end();) {
      Block* block = *it++;
      if (releasable(block, epoch))
        release(block);
      else if (!block->is_split())
        ++kept;
    }
  }
  return kept;
}

// Under max_split_size_mb, an oversize request is first helped by oversize blocks alone: the smallest one
// that is large enough, or the largest ones until there is enough.
void DevicePool::release_oversize(const Request& r, uint64_t epoch) {
  size_t max_split = AcceleratorAllocatorConfig::max_split_size();
  if (r.small || r.segment_size < max_split) return;
  std::vector<Block*> candidates;
  auto it = large_.lower_bound(BlockOrder::Key{r.stream, max_split});
  for (; it != large_.end() && (*it)->stream == r.stream; ++it) {
    if (releasable(*it, epoch)) candidates.push_back(*it);
  }
  for (Block* block : candidates) {
    if (block->size >= r.segment_size) return release(block);
  }
  size_t released = 0;
  for (auto block = candidates.rbegin(); block != candidates.rend() && released < r.segment_size; ++block) {
    released += (*block)->size;
    release(*block);
  }
}

// Under a memory limit and garbage_collection_threshold, returns the segments that were idle longest once the
// threshold is passed, so that a later request need not return all of them at once.
void DevicePool::collect_garbage(const Request& r, Lock& lock) {
  double threshold = AcceleratorAllocatorConfig::garbage_collection_threshold();
  if (!limit_ || threshold <= 0.0) return;
  auto target = static_cast<size_t>(threshold * static_cast<double>(*limit_));
  if (reserved_ + r.segment_size <= target) return;
  uint64_t epoch = quiesced(lock);
  std::vector<Block*> candidates;
  for (Block* block : large_) {
    if (releasable(block, epoch)) candidates.push_back(block);
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Block* a, const Block* b) { return a->idle_since < b->idle_since; });
  for (Block* block : candidates) {
    if (reserved_ + r.segment_size <= target) break;
    release(block);
  }
}

// The device had no segment for `r`: waits for it, returns cached segments, and tries again.
Block* DevicePool::retry(const Request& r, Lock& lock) {
  ++stats_.num_alloc_retries;
  size_t kept = 0;
  // Once more if other threads freed memory during the wait: those segments were not safe to return yet.
  for (int attempt = 0; attempt < 4; ++attempt) {
    uint64_t epoch = quiesced(lock);
    if (Block* block = find(r)) return block;
    release_oversize(r, epoch);
    if (Block* block = grow(r)) return block;
    kept = release_all(epoch);
    if (Block* block = grow(r)) return block;
    if (kept == 0) break;
  }
  return nullptr;
}

void DevicePool::empty_cache() {
  Lock lock(mutex_);
  if (segments_.empty()) return;
  release_all(quiesced(lock));
}

size_t DevicePool::release_settled() noexcept {
  Lock lock(mutex_, std::try_to_lock);
  if (!lock) return 0;
  size_t before = reserved_;
  release_all(settled_);
  return before - reserved_;
}

void DevicePool::set_limit(size_t nbytes) {
  Lock lock(mutex_);
  limit_ = nbytes ? std::optional(nbytes) : std::nullopt;
}

}  // namespace npu
