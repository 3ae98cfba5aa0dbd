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

DevicePool::Request DevicePool::request(size_t nbytes, c10::StreamId stream, Arena* arena) {
  // Beyond any address space; also keeps the roundings below from overflowing.
  constexpr size_t limit = size_t{1} << 60;
  Request r{nbytes, nbytes > limit ? nbytes : rounded_size(nbytes), nbytes, stream, false, arena, nullptr};
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
  // Both before the lock: they may take the GIL.
  const Location where = nbytes > kSmallSize ? capture_location() : Location{};
  MemoryHistory::Context context =
      history_.on() ? history_.gather(MemoryHistory::RecordContext::STATE) : nullptr;
  Lock lock(mutex_);
  Request r = request(nbytes, stream, C10_LIKELY(routes_.empty()) ? &common_ : routed(stream));
  ++served_;
  reclaim();
  Block* block = find(r, *r.arena);
  if (C10_UNLIKELY(!block)) {
    r.context = context;
    collect_garbage(r, lock);
    block = grow(r);
    if (!block) block = retry(r, lock);
    if (!block) block = borrow(r);
    if (!block) out_of_memory(r, lock);
  }
  block = serve(block, r);
  if (nbytes > kSmallSize) block->where = where;
  if (C10_UNLIKELY(history_.on())) {
    block->context = context;
    note(MemoryHistory::Entry::ALLOC, block->ptr, block->requested, *block->segment, std::move(context));
  }
  return block;
}

namespace {

// What a request could get from this block: with the addresses behind it that wait for memory.
size_t reach(const Block* block) {
  return block->size + (block->next && !block->next->mapped ? block->next->size : 0);
}

}  // namespace

Block* DevicePool::find(const Request& r, Arena& arena) {
  IdleBlocks& blocks = arena.idle(r.small);
  auto it = blocks.lower_bound(BlockOrder::Key{r.stream, r.size});
  if (it == blocks.end() || (*it)->stream != r.stream) return nullptr;
  Block* block = *it;
  if (block->segment->granule) {
    // The block that can still grow is the last one to be broken.
    for (auto next = std::next(it); next != blocks.end() && (*next)->stream == r.stream &&
                                    (*next)->segment->granule && reach(*next) < reach(block);
         ++next) {
      block = *next;
    }
  } else {
    // Blocks of max_split_size or more are never cut, so a smaller request must not get one, and one of that
    // size not a much larger one.
    size_t max_split = AcceleratorAllocatorConfig::max_split_size();
    if (r.size < max_split
            ? block->size >= max_split
            : block->size - r.size >= AcceleratorAllocatorConfig::max_non_split_rounding_size()) {
      return nullptr;
    }
  }
  take(block);
  return block;
}

// A new segment from the device as one block, or null.
Block* DevicePool::grow(const Request& r) {
  Arena& arena = *r.arena;
  if (!arena.source && AcceleratorAllocatorConfig::use_expandable_segments()) {
    const size_t granule = r.small ? kSmallBuffer : AcceleratorAllocatorConfig::large_segment_size();
    if (backend_.address_range(granule) >= r.size) return extend(r, granule);
  }
  if (!fits_limit(r.segment_size)) return nullptr;
  auto* base = static_cast<char*>(arena.source ? arena.source->allocate(r.segment_size, device_, r.stream)
                                               : backend_.allocate(r.segment_size));
  if (!base) return nullptr;
  ++stats_.num_device_alloc;
  reserved_ += r.segment_size;
  arena.reserved += r.segment_size;
  count(stats_.segment, r.small, 1);
  count_reserved(*r.arena, r.small, r.segment_size);
  if (r.segment_size >= AcceleratorAllocatorConfig::max_split_size()) stats_.oversize_segments.increase(1);
  Block* block = new_block();
  block->ptr = base;
  block->size = r.segment_size;
  block->stream = r.stream;
  Segment segment{block, r.segment_size, r.small, r.stream, &arena};
  segment.context = r.context;
  block->segment = &segments_.insert_or_assign(base, std::move(segment)).first->second;
  note(MemoryHistory::Entry::SEGMENT_ALLOC, base, r.segment_size, *block->segment, r.context);
  return block;
}

// Hands out `block`, which is in no set, after cutting off what is worth keeping.
Block* DevicePool::serve(Block* block, const Request& r) {
  const size_t rest = block->size - r.size;
  const bool small = block->segment->small;
  const bool worth = small || block->segment->granule
                         ? rest >= kMinBlockSize
                         : r.size < AcceleratorAllocatorConfig::max_split_size() && rest > kSmallSize;
  if (worth && !block->segment->arena->no_split) put(cut(block, r.size));
  block->allocated = true;
  block->requested = r.requested;
  count(stats_.allocation, small, 1);
  count(stats_.allocated_bytes, small, block->size);
  count(stats_.active, small, 1);
  count(stats_.active_bytes, small, block->size);
  count(stats_.requested_bytes, small, block->requested);
  if (block->size >= AcceleratorAllocatorConfig::max_split_size()) stats_.oversize_allocations.increase(1);
  return block;
}

// Shortens `block` to `size` and answers the rest, which is in no set.
Block* DevicePool::cut(Block* block, size_t size) {
  Block* rest = new_block();
  rest->ptr = block->ptr + size;
  rest->size = block->size - size;
  rest->stream = block->stream;
  rest->segment = block->segment;
  rest->mapped = block->mapped;
  rest->freed_epoch = block->freed_epoch;
  rest->prev = block;
  rest->next = block->next;
  if (rest->next) rest->next->prev = rest;
  block->next = rest;
  block->size = size;
  return rest;
}

void DevicePool::free(Block* block) noexcept {
  MemoryHistory::Context context;
  if (C10_UNLIKELY(history_.on())) context = history_.gather(MemoryHistory::RecordContext::ALL);
  Lock lock(mutex_);
  bool small = block->segment->small;
  block->allocated = false;
  block->freed_epoch = epoch_;
  uncount(stats_.allocation, small, 1);
  uncount(stats_.allocated_bytes, small, block->size);
  if (block->size >= AcceleratorAllocatorConfig::max_split_size()) stats_.oversize_allocations.decrease(1);
  if (C10_UNLIKELY(history_.on())) {
    note(MemoryHistory::Entry::FREE_REQUESTED, block->ptr, block->requested, *block->segment,
         context ? context : block->context);
  }
  if (block->used_on.empty()) return make_idle(block);
  auto streams = std::exchange(block->used_on, {});
  block->pending =
      static_cast<uint32_t>(streams.size());  // keeps the block out of reuse while the lock is open
  uint64_t epoch = epoch_;
  if (captures_ > 0) {
    deferred_.emplace_back(block, std::move(streams), epoch);
    return;
  }
  lock.unlock();
  await(block, streams, epoch);
}

// Offers a block that nothing uses any more for reuse.
void DevicePool::make_idle(Block* block) {
  bool small = block->segment->small;
  uncount(stats_.active, small, 1);
  uncount(stats_.active_bytes, small, block->size);
  uncount(stats_.requested_bytes, small, block->requested);
  if (C10_UNLIKELY(block->context || history_.on())) {
    note(MemoryHistory::Entry::FREE_COMPLETED, block->ptr, block->requested, *block->segment, block->context);
    block->context = nullptr;
  }
  block->requested = 0;
  put(merge(block));
}

// `block`, which is in no set, with its idle neighbours.
Block* DevicePool::merge(Block* block) {
  if (Block* next = block->next; next && next->is_idle()) {
    take(next);
    block = absorb(block, next);
  }
  if (Block* prev = block->prev; prev && prev->is_idle()) {
    take(prev);
    block = absorb(prev, block);
  }
  return block;
}

Block* DevicePool::absorb(Block* into, Block* next) {
  into->size += next->size;
  into->freed_epoch = std::max(into->freed_epoch, next->freed_epoch);
  into->next = next->next;
  if (into->next) into->next->prev = into;
  recycle(next);
  return into;
}

void DevicePool::put(Block* block) {
  const bool small = block->segment->small;
  IdleBlocks& blocks = block->segment->arena->idle(small);
  block->idle_since = served_;
  if (block->node) {
    block->node.value() = block;
    blocks.insert(std::move(block->node));
  } else {
    blocks.insert(block);
  }
  block->piece = block->is_split();
  if (block->piece) {
    count(stats_.inactive_split, small, 1);
    count(stats_.inactive_split_bytes, small, block->size);
  }
}

void DevicePool::take(Block* block) {
  const bool small = block->segment->small;
  if (block->piece) {
    uncount(stats_.inactive_split, small, 1);
    uncount(stats_.inactive_split_bytes, small, block->size);
  }
  IdleBlocks& blocks = block->segment->arena->idle(small);
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

// Leaves in the block what every idle one has; what new_block()'s callers set is not touched.
void DevicePool::recycle(Block* block) {
  block->requested = 0;
  block->prev = block->next = nullptr;
  block->allocated = false;
  block->mapped = true;
  block->piece = false;
  block->freed_epoch = 0;
  spare_.push_back(block);
}

}  // namespace npu
