// SPDX-License-Identifier: BSD-3-Clause
// How a DevicePool gives segments back to the device.
#include <c10/core/AllocatorConfig.h>
#include <c10/util/ScopeExit.h>

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

// How much of an idle block could go back to the device.
size_t DevicePool::returnable(const Block* block) const {
  const Segment& segment = *block->segment;
  if (!segment.granule) return block->is_split() ? 0 : block->size;
  const auto base = reinterpret_cast<uintptr_t>(segment.first->ptr),
             at = reinterpret_cast<uintptr_t>(block->ptr);
  const size_t begin = (at - base + segment.granule - 1) / segment.granule;
  const size_t end = (at - base + block->size) / segment.granule;
  return end > begin ? (end - begin) * segment.granule : 0;
}

bool DevicePool::releasable(const Block* block, uint64_t epoch) const {
  return block->freed_epoch < epoch && returnable(block) > 0;
}

// Gives an idle block back to the device: its segment, or its granules.
void DevicePool::release(Block* block) {
  if (block->segment->granule) return unmap(block);
  take(block);
  Segment& segment = *block->segment;
  note(MemoryHistory::Entry::SEGMENT_FREE, block->ptr, block->size, segment, releasing_);
  if (segment.arena->source)
    segment.arena->source->free(block->ptr, block->size, device_, segment.stream);
  else
    backend_.free(block->ptr);
  ++stats_.num_device_free;
  reserved_ -= block->size;
  segment.arena->reserved -= block->size;
  uncount(stats_.segment, segment.small, 1);
  uncount_reserved(*segment.arena, segment.small, block->size);
  if (block->size >= AcceleratorAllocatorConfig::max_split_size()) stats_.oversize_segments.decrease(1);
  segments_.erase(block->ptr);
  recycle(block);
}

size_t DevicePool::release_arena(Arena& arena, uint64_t epoch) {
  size_t kept = 0;
  for (IdleBlocks* blocks : {&arena.small, &arena.large}) {
    std::vector<Block*> whole;  // a release may put what is left of an expandable block back into the set
    for (Block* block : *blocks) {
      if (returnable(block) > 0) whole.push_back(block);
    }
    for (Block* block : whole) {
      if (block->freed_epoch < epoch)
        release(block);
      else
        ++kept;
    }
  }
  return kept;
}

size_t DevicePool::release_all(uint64_t epoch) {
  size_t kept = release_arena(common_, epoch);
  for (auto it = private_.begin(); it != private_.end();) {
    Arena& arena = *(it++)->second;
    if (arena.uses > 0) continue;
    kept += release_arena(arena, epoch);
    drop_if_unused(arena);
  }
  return kept;
}

// Under max_split_size_mb, an oversize request is first helped by oversize blocks alone: the smallest one
// that is large enough, or the largest ones until there is enough.
void DevicePool::release_oversize(const Request& r, uint64_t epoch) {
  size_t max_split = AcceleratorAllocatorConfig::max_split_size();
  if (r.small || r.segment_size < max_split) return;
  std::vector<Block*> candidates;
  IdleBlocks& large = r.arena->large;
  auto it = large.lower_bound(BlockOrder::Key{r.stream, max_split});
  for (; it != large.end() && (*it)->stream == r.stream; ++it) {
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
  if (!limit_ || threshold <= 0.0 || captures_ > 0) return;
  auto target = static_cast<size_t>(threshold * static_cast<double>(*limit_));
  if (reserved_ + r.segment_size <= target) return;
  uint64_t epoch = quiesced(lock);
  std::vector<Block*> candidates;
  for (Block* block : common_.large) {
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
  if (captures_ > 0) return nullptr;  // a wait would break the capture
  ++stats_.num_alloc_retries;
  size_t kept = 0;
  // Once more if other threads freed memory during the wait: those segments were not safe to return yet.
  for (int attempt = 0; attempt < 4; ++attempt) {
    uint64_t epoch = quiesced(lock);
    if (Block* block = find(r, *r.arena)) return block;
    release_oversize(r, epoch);
    if (Block* block = grow(r)) return block;
    kept = release_all(epoch);
    if (Block* block = grow(r)) return block;
    if (kept == 0) break;
  }
  return nullptr;
}

void DevicePool::empty_cache(c10::MempoolId_t id) {
  MemoryHistory::Context context;
  if (C10_UNLIKELY(history_.on())) context = history_.gather(MemoryHistory::RecordContext::ALL);
  Lock lock(mutex_);
  if (segments_.empty() || captures_ > 0) return;
  const uint64_t epoch = quiesced(lock);
  const auto forget = c10::make_scope_exit([this] { releasing_ = nullptr; });
  releasing_ = std::move(context);
  if (id == c10::MempoolId_t(0, 0)) {
    release_all(epoch);
  } else if (auto it = private_.find(id); it != private_.end()) {
    Arena& arena = *it->second;
    if (arena.uses == 0 || !arena.captured) release_arena(arena, epoch);
    drop_if_unused(arena);
  }
}

size_t DevicePool::release_settled() noexcept {
  Lock lock(mutex_, std::try_to_lock);
  if (!lock || captures_ > 0) return 0;
  size_t before = reserved_;
  release_all(settled_);
  return before - reserved_;
}

void DevicePool::set_limit(size_t nbytes) {
  Lock lock(mutex_);
  limit_ = nbytes ? std::optional(nbytes) : std::nullopt;
}

}  // namespace npu
