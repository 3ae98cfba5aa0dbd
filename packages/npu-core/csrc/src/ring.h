// SPDX-License-Identifier: BSD-3-Clause
// The memory of a launch queue: a bounded FIFO of variable-size records in one block.
//
// One consumer; producers take turns under the queue's mutex. Enqueueing allocates nothing, except for
// payloads above an eighth of the ring, which get a block of their own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "npu/core/launch_queue.h"

namespace npu {

namespace detail {
struct StreamState;
}

struct Record {
  uint32_t bytes;  // of the whole record in the ring; 0 marks the unused end of the ring
  uint32_t payload_bytes;
  TaskKind kind;
  detail::StreamState* stream;
  Location where;
  uint64_t activity;
  void* heap;  // the payload, if it is not behind the record

  const void* payload() const { return heap ? heap : static_cast<const void*>(this + 1); }
  void* payload() { return heap ? heap : static_cast<void*>(this + 1); }
};
static_assert(sizeof(Record) % 16 == 0, "payloads are 16-byte aligned");

class Ring {
 public:
  // `capacity`: bytes, a power of two.
  explicit Ring(size_t capacity);
  ~Ring();
  Ring(const Ring&) = delete;  // records are handed out by address
  Ring& operator=(const Ring&) = delete;

  // Producer: room for a record, or null if the ring is full. bad_alloc for a large payload without memory.
  Record* reserve(size_t payload_bytes);
  // Producer: makes the reserved record visible to the consumer.
  void publish() noexcept;

  // Consumer: the oldest record, or null if there is none.
  Record* front() noexcept;
  void pop() noexcept;

 private:
  unsigned char* at(uint64_t position) const { return memory_ + (position & (capacity_ - 1)); }

  size_t capacity_;
  unsigned char* memory_;
  uint64_t reserved_ = 0;                      // producer: end of the record being written
  alignas(64) std::atomic<uint64_t> head_{0};  // end of what is published
  alignas(64) std::atomic<uint64_t> tail_{0};  // end of what is consumed
};

}  // namespace npu
