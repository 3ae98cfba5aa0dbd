// SPDX-License-Identifier: BSD-3-Clause
#include "ring.h"

#include <cstdlib>
#include <new>

namespace npu {

Ring::Ring(size_t capacity)
    : capacity_(capacity), memory_(static_cast<unsigned char*>(std::aligned_alloc(64, capacity))) {
  if (!memory_) throw std::bad_alloc();
}

Ring::~Ring() {
  while (front()) pop();
  std::free(memory_);
}

Record* Ring::reserve(size_t payload_bytes) {
  const bool inside = payload_bytes <= capacity_ / 8;
  const size_t bytes = (sizeof(Record) + (inside ? payload_bytes : 0) + 15) & ~size_t{15};
  uint64_t position = head_.load(std::memory_order_relaxed);
  const size_t to_end = capacity_ - (position & (capacity_ - 1));
  const size_t skipped = bytes > to_end ? to_end : 0;
  if (position + skipped + bytes - tail_.load(std::memory_order_acquire) > capacity_) return nullptr;
  if (skipped) {
    reinterpret_cast<Record*>(at(position))->bytes = 0;
    position += skipped;
  }
  void* heap = inside ? nullptr : std::malloc(payload_bytes);
  if (!inside && !heap) throw std::bad_alloc();
  auto* record = ::new (at(position)) Record;
  record->bytes = static_cast<uint32_t>(bytes);
  record->payload_bytes = static_cast<uint32_t>(payload_bytes);
  record->heap = heap;
  reserved_ = position + bytes;
  return record;
}

void Ring::publish() noexcept { head_.store(reserved_, std::memory_order_seq_cst); }

Record* Ring::front() noexcept {
  for (;;) {
    const uint64_t position = tail_.load(std::memory_order_relaxed);
    if (position == head_.load(std::memory_order_seq_cst)) return nullptr;
    auto* record = reinterpret_cast<Record*>(at(position));
    if (record->bytes != 0) return record;
    tail_.store(position + capacity_ - (position & (capacity_ - 1)), std::memory_order_release);
  }
}

void Ring::pop() noexcept {
  const uint64_t position = tail_.load(std::memory_order_relaxed);
  auto* record = reinterpret_cast<Record*>(at(position));
  std::free(record->heap);
  tail_.store(position + record->bytes, std::memory_order_release);
}

}  // namespace npu
