// SPDX-License-Identifier: BSD-3-Clause
#include "device_pool.h"

#include <c10/core/AllocatorConfig.h>

#include <algorithm>
#include <tuple>

namespace npu {

using c10::CachingAllocator::AcceleratorAllocatorConfig;
using c10::CachingAllocator::kMinBlockSize;
using c10::CachingAllocator::kMinLargeAlloc;
using c10::CachingAllocator::kRoundLarge;
using c10::CachingAllocator::kSmallBuffer;
using c10::CachingAllocator::kSmallSize;

namespace {

size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

size_t rounded_size(size_t nbytes) {
  if (nbytes < kMinBlockSize) return kMinBlockSize;
  size_t divisions = AcceleratorAllocatorConfig::roundup_power2_divisions(nbytes);
  if (divisions > 1 && nbytes > kMinBlockSize * divisions) {
    // `divisions` steps lie between two powers of two.
    size_t floor = size_t{1} << (63 - __builtin_clzll(nbytes));
    return round_up(nbytes, std::max(floor / divisions, kMinBlockSize));
  }
  return round_up(nbytes, kMinBlockSize);
}

}  // namespace

bool BlockOrder::operator()(const Block* a, const Block* b) const {
  return std::tie(a->stream, a->size, a->ptr) < std::tie(b->stream, b->size, b->ptr);
}

bool BlockOrder::operator()(const Block* a, const Key& key) const {
  return std::tie(a->stream, a->size) < std::tie(key.stream, key.size);
}

DevicePool::Request DevicePool::request(size_t nbytes, c10::StreamId stream) {
  // Beyond any address space; also keeps the roundings below from overflowing.
  constexpr size_t limit = size_t{1} << 60;
  Request r{nbytes, nbytes > limit ? nbytes : rounded_size(nbytes), nbytes, stream, false};
  r.small = r.size <= kSmallSize;
  if (nbytes > limit) return r;
  if (r.small)
    r.segment_size = kSmallBuffer;
  else if (r.size < kMinLargeAlloc)
    r.segment_size = std::max(AcceleratorAllocatorConfig::large_segment_size(), r.size);
  else
    r.segment_size = round_up(r.size, kRoundLarge);
  return r;
}

Block* DevicePool::allocate(size_t nbytes, c10::StreamId stream) {
  Request r = request(nbytes, stream);
  Lock lock(mutex_);
  ++served_;
  reclaim();
  Block* block = find(r);
  if (!block) {
    collect_garbage(r, lock);
    block = grow(r);
  }
  if (!block) block = retry(r, lock);
  if (!block) out_of_memory(r, lock);
  return serve(block, r);
}

Block* DevicePool::find(const Request& r) {
  IdleBlocks& blocks = idle(r.small);
  auto it = blocks.lower_bound(BlockOrder::Key{r.stream, r.size});
  if (it == blocks.end() || (*it)->stream != r.stream) return nullptr;
  Block* block = *it;
  // Blocks of max_split_size or more are never cut, so a smaller request must not get one, and one of that
  // size not a much larger one.
  size_t max_split = AcceleratorAllocatorConfig::max_split_size();
  if (r.size < max_split
          ? block->size >= max_split
          : block->size - r.size >= AcceleratorAllocatorConfig::max_non_split_rounding_size()) {
    return nullptr;
  }
  take(block);
  return block;
}

// A new segment from the device as one block, or null.
Block* DevicePool::grow(const Request& r) {
  if (limit_ && (r.segment_size > *limit_ || reserved_ > *limit_ - r.segment_size)) return nullptr;
  auto* base = static_cast<char*>(backend_.allocate(r.segment_size));
  if (!base) return nullptr;
  ++stats_.num_device_alloc;
  reserved_ += r.segment_size;
  count(stats_.segment, r.small, 1);
  count(stats_.reserved_bytes, r.small, r.segment_size);
  if (r.segment_size >= AcceleratorAllocatorConfig::max_split_size()) stats_.oversize_segments.increase(1);
  Block* block = new_block();
  block->ptr = base;
  block->size = r.segment_size;
  block->stream = r.stream;
  block->segment =
      &segments_.insert_or_assign(base, Segment{block, r.segment_size, r.small, 0}).first->second;
  return block;
}

// Hands out `block`, which is in no set, after cutting off what is worth keeping.
Block* DevicePool::serve(Block* block, const Request& r) {
  size_t rest = block->size - r.size;
  bool worth = r.small ? rest >= kMinBlockSize
                       : r.size < AcceleratorAllocatorConfig::max_split_size() && rest > kSmallSize;
  if (worth) split(block, r.size);
  block->allocated = true;
  block->requested = r.requested;
  count(stats_.allocation, r.small, 1);
  count(stats_.allocated_bytes, r.small, block->size);
  count(stats_.active, r.small, 1);
  count(stats_.active_bytes, r.small, block->size);
  count(stats_.requested_bytes, r.small, block->requested);
  if (block->size >= AcceleratorAllocatorConfig::max_split_size()) stats_.oversize_allocations.increase(1);
  return block;
}

void DevicePool::split(Block* block, size_t size) {
  Block* rest = new_block();
  rest->ptr = block->ptr + size;
  rest->size = block->size - size;
  rest->stream = block->stream;
  rest->segment = block->segment;
  rest->prev = block;
  rest->next = block->next;
  if (rest->next) rest->next->prev = rest;
  block->next = rest;
  block->size = size;
  put(rest);
}

void DevicePool::free(Block* block) noexcept {
  Lock lock(mutex_);
  bool small = block->segment->small;
  block->allocated = false;
  block->segment->freed_epoch = epoch_;
  uncount(stats_.allocation, small, 1);
  uncount(stats_.allocated_bytes, small, block->size);
  if (block->size >= AcceleratorAllocatorConfig::max_split_size()) stats_.oversize_allocations.decrease(1);
  if (block->used_on.empty()) return make_idle(block);
  auto streams = std::exchange(block->used_on, {});
  block->pending =
      static_cast<uint32_t>(streams.size());  // keeps the block out of reuse while the lock is open
  uint64_t epoch = epoch_;
  lock.unlock();
  for (const c10::Stream& stream : streams) {
    void* event = nullptr;
    try {
      event = backend_.record(stream);
    } catch (...) {
      // Its device or stream is broken; only a wait for the device can tell when the block is free.
    }
    lock.lock();
    if (event)
      awaited(stream).push_back({event, block, epoch});
    else
      unrecorded_.emplace_back(block, epoch);
    lock.unlock();
  }
}

std::deque<DevicePool::Awaited>& DevicePool::awaited(const c10::Stream& stream) {
  auto it = std::find_if(awaited_.begin(), awaited_.end(),
                         [&](const auto& entry) { return entry.first == stream; });
  return it == awaited_.end() ? awaited_.emplace_back(stream, std::deque<Awaited>{}).second : it->second;
}

void DevicePool::use_on(Block* block, const c10::Stream& stream) {
  if (stream.id() == block->stream && stream.device_index() == device_) return;
  Lock lock(mutex_);
  auto& streams = block->used_on;
  if (std::find(streams.begin(), streams.end(), stream) == streams.end()) streams.push_back(stream);
}

// Takes back the blocks whose events have passed.
void DevicePool::reclaim() {
  for (size_t i = 0; i < awaited_.size();) {
    auto& queue = awaited_[i].second;
    while (!queue.empty()) {
      const auto progress = backend_.progress(queue.front().event);
      if (progress == PoolBackend::Progress::kAhead) break;
      auto [event, block, epoch] = queue.front();
      queue.pop_front();
      backend_.release(event);
      if (progress == PoolBackend::Progress::kUnknown)
        unrecorded_.emplace_back(block, epoch);
      else if (--block->pending == 0)
        make_idle(block);
    }
    if (queue.empty())
      awaited_.erase(awaited_.begin() + static_cast<ptrdiff_t>(i));
    else
      ++i;
  }
}

// Merges a block that nothing uses any more with its idle neighbours and offers it for reuse.
void DevicePool::make_idle(Block* block) {
  bool small = block->segment->small;
  uncount(stats_.active, small, 1);
  uncount(stats_.active_bytes, small, block->size);
  uncount(stats_.requested_bytes, small, block->requested);
  block->requested = 0;
  if (Block* next = block->next; next && next->is_idle()) {
    take(next);
    block = absorb(block, next);
  }
  if (Block* prev = block->prev; prev && prev->is_idle()) {
    take(prev);
    block = absorb(prev, block);
  }
  put(block);
}

Block* DevicePool::absorb(Block* into, Block* next) {
  into->size += next->size;
  into->next = next->next;
  if (into->next) into->next->prev = into;
  recycle(next);
  return into;
}

void DevicePool::put(Block* block) {
  bool small = block->segment->small;
  block->idle_since = served_;
  if (block->node) {
    block->node.value() = block;
    idle(small).insert(std::move(block->node));
  } else {
    idle(small).insert(block);
  }
  if (block->is_split()) {
    count(stats_.inactive_split, small, 1);
    count(stats_.inactive_split_bytes, small, block->size);
  }
}

void DevicePool::take(Block* block) {
  bool small = block->segment->small;
  if (block->is_split()) {
    uncount(stats_.inactive_split, small, 1);
    uncount(stats_.inactive_split_bytes, small, block->size);
  }
  IdleBlocks& blocks = idle(small);
  block->node = blocks.extract(blocks.find(block));
}

Block* DevicePool::new_block() {
  Block* block;
  if (spare_.empty()) {
    block = new Block;
  } else {
    block = spare_.back();
    spare_.pop_back();
  }
  block->owner = this;
  return block;
}

void DevicePool::recycle(Block* block) {
  auto node = std::move(block->node);
  *block = Block{};
  block->node = std::move(node);
  spare_.push_back(block);
}

}  // namespace npu
