// SPDX-License-Identifier: BSD-3-Clause
// What a DevicePool needs of the device below it. CannPoolBackend is the real one; tests have their own.
#pragma once

#include <c10/core/Stream.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace npu {

// Memory that other processes may map: an allocation of the device, or the pieces of an expandable segment.
struct ShareableMemory {
  char* base = nullptr;
  size_t nbytes = 0;
  size_t granule = 0;            // bytes a piece; 0: no pieces
  std::vector<uint64_t> pieces;  // CANN's handles of them, for other processes
};

// `record`, `quiesce`, `memory_info` and `others` are called without the pool's lock, perhaps by several
// threads at once; the others under it.
class PoolBackend {
 public:
  virtual ~PoolBackend() = default;
  // Null if the device has not that much left; throws for every other failure.
  virtual void* allocate(size_t nbytes) = 0;
  virtual void free(void* ptr) noexcept = 0;

  // Addresses and memory apart, for expandable segments. 0: this device cannot. Else how many bytes of
  // addresses a segment reserves, in multiples of `granule`.
  virtual size_t address_range(size_t /*granule*/) { return 0; }
  // Addresses without memory, or null if there are none left.
  virtual void* reserve(size_t /*nbytes*/) { return nullptr; }
  virtual void unreserve(void* /*ptr*/) noexcept {}
  // Gives memory to `nbytes` of reserved addresses, each granule by itself. False, with nothing mapped, if
  // the device has not that much left.
  virtual bool map(void* /*ptr*/, size_t /*nbytes*/, size_t /*granule*/) { return false; }
  virtual void unmap(void* /*ptr*/, size_t /*nbytes*/, size_t /*granule*/) noexcept {}
  // The handles of mapped granules for other processes, or none if this device cannot.
  virtual std::vector<uint64_t> share(void* /*ptr*/, size_t /*nbytes*/, size_t /*granule*/) { return {}; }

  // Waits until no work enqueued before this call can touch any memory. Throws what failed on the device.
  virtual void quiesce() = 0;
  // An event behind all work enqueued on `stream` so far, and how far the stream is. kUnknown: the event came
  // to nothing on its way to the device; only a quiesce tells when what was before it is done.
  enum class Progress { kAhead, kPassed, kUnknown };
  virtual void* record(const c10::Stream& stream) = 0;
  virtual Progress progress(void* event) = 0;
  virtual void release(void* event) noexcept = 0;

  // (free, total) of the device.
  virtual std::pair<size_t, size_t> memory_info() = 0;
  // Memory of this process on the device that no pool holds: what for, and bytes.
  virtual std::vector<std::pair<std::string, size_t>> others() { return {}; }
};

// Where a private pool gets its segments instead of the device: a pluggable allocator. Called under the
// pool's lock.
class SegmentSource {
 public:
  virtual ~SegmentSource() = default;
  // Null if there is not that much left.
  virtual void* allocate(size_t nbytes, c10::DeviceIndex device, c10::StreamId stream) = 0;
  virtual void free(void* ptr, size_t nbytes, c10::DeviceIndex device, c10::StreamId stream) noexcept = 0;
};

}  // namespace npu
