// SPDX-License-Identifier: BSD-3-Clause
// Expandable segments: memory that comes and goes under addresses which stay.
#include <c10/core/AllocatorConfig.h>

#include <algorithm>

#include "device_pool.h"

namespace npu {

namespace {

size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

}  // namespace

void DevicePool::put_unmapped(Block* block) {
  IdleBlocks& blocks = block->segment->arena->unmapped;
  if (block->node) {
    block->node.value() = block;
    blocks.insert(std::move(block->node));
  } else {
    blocks.insert(block);
  }
}

void DevicePool::take_unmapped(Block* block) {
  IdleBlocks& blocks = block->segment->arena->unmapped;
  block->node = blocks.extract(blocks.find(block));
}

// The unmapped block from which memory for `r` can be made: with the idle memory before it, and whatever is
// idle or unmapped behind it, it is large enough. Null if there is none.
Block* DevicePool::expandable_start(const Request& r) {
  IdleBlocks& blocks = r.arena->unmapped;
  for (auto it = blocks.lower_bound(BlockOrder::Key{r.stream, 0});
       it != blocks.end() && (*it)->stream == r.stream; ++it) {
    Block* start = *it;
    if (start->segment->small != r.small) continue;
    size_t have = start->prev && start->prev->is_idle() ? start->prev->size : 0;
    for (Block* b = start; b && (!b->mapped || b->is_idle()) && have < r.size; b = b->next) have += b->size;
    if (have >= r.size) return start;
  }
  return nullptr;
}

// A range of addresses without memory, as one unmapped block; null if there are none left.
Block* DevicePool::new_range(const Request& r, size_t granule) {
  const size_t size = backend_.address_range(granule);
  auto* base = static_cast<char*>(backend_.reserve(size));
  if (!base) return nullptr;
  Block* block = new_block();
  block->ptr = base;
  block->size = size;
  block->stream = r.stream;
  block->mapped = false;
  Segment segment{block, size, r.small, r.stream, r.arena};
  segment.granule = granule;
  segment.context = r.context;
  block->segment = &segments_.insert_or_assign(base, std::move(segment)).first->second;
  put_unmapped(block);
  count(stats_.segment, r.small, 1);
  return block;
}

// Memory for `r` in an expandable segment of its stream, or null. What it could map stays, idle.
Block* DevicePool::extend(const Request& r, size_t granule) {
  Block* start = expandable_start(r);
  if (!start) start = new_range(r, granule);
  if (!start) return nullptr;
  for (;;) {
    const size_t before = start->prev && start->prev->is_idle() ? start->prev->size : 0;
    Block* block = map(start, r.size - before, r.context);
    if (!block) {
      if (start->segment->mapped == 0) unmap(start);
      return nullptr;
    }
    if (block->size >= r.size) {
      take(block);
      return block;
    }
    start = block->next;
  }
}

// Gives memory to the first `nbytes` of an unmapped block, in whole granules, and answers the idle block that
// they are part of now. Null if the device has not that much left.
Block* DevicePool::map(Block* block, size_t nbytes, const MemoryHistory::Context& context) {
  Segment& segment = *block->segment;
  const size_t size = std::min(round_up(nbytes, segment.granule), block->size);
  if (!fits_limit(size) || !backend_.map(block->ptr, size, segment.granule)) return nullptr;
  take_unmapped(block);
  if (size < block->size) put_unmapped(cut(block, size));
  block->mapped = true;
  ++stats_.num_device_alloc;
  reserved_ += size;
  segment.mapped += size;
  segment.arena->reserved += size;
  count_reserved(*segment.arena, segment.small, size);
  note(MemoryHistory::Entry::SEGMENT_MAP, block->ptr, size, segment, context);
  block = merge(block);
  put(block);
  return block;
}

// Takes the memory from the whole granules of an idle block, and the addresses from a segment that is left
// without any memory.
void DevicePool::unmap(Block* block) {
  Segment& segment = *block->segment;
  if (block->mapped) {
    const size_t size = returnable(block);
    const auto offset = static_cast<size_t>(block->ptr - segment.first->ptr);
    const size_t head = round_up(offset, segment.granule) - offset;
    take(block);
    Block* const after = head + size < block->size ? cut(block, head + size) : nullptr;
    Block* const before = head > 0 ? block : nullptr;
    if (before) block = cut(before, head);
    backend_.unmap(block->ptr, size, segment.granule);
    block->mapped = false;
    if (before) put(before);
    if (after) put(after);
    ++stats_.num_device_free;
    reserved_ -= size;
    segment.mapped -= size;
    segment.arena->reserved -= size;
    uncount_reserved(*segment.arena, segment.small, size);
    note(MemoryHistory::Entry::SEGMENT_UNMAP, block->ptr, size, segment, releasing_);
    if (Block* next = block->next; next && !next->mapped) {
      take_unmapped(next);
      absorb(block, next);
    }
    if (Block* prev = block->prev; prev && !prev->mapped) {
      take_unmapped(prev);
      block = absorb(prev, block);
    }
    put_unmapped(block);
  }
  if (segment.mapped > 0) return;
  take_unmapped(block);
  uncount(stats_.segment, segment.small, 1);
  backend_.unreserve(block->ptr);
  segments_.erase(block->ptr);
  recycle(block);
}

}  // namespace npu
