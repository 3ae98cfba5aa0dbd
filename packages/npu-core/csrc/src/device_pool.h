// SPDX-License-Identifier: BSD-3-Clause
// The caching pool of one device's memory, apart from CANN: PoolBackend is the device, NPUCachingAllocator
// the user.
//
// Policy, torch.cuda's: sizes are rounded to 512 bytes. Requests of up to 1 MiB are cut from segments of 2
// MiB, those below 10 MiB from segments of 20 MiB, larger ones get segments of their own, rounded to 2 MiB. A
// segment belongs to the stream that first asked for it: a block freed on the host is at once reusable on its
// own stream, whose order protects it, and on no other. A block that was also used on other streams waits for
// an event on each of them. When the device has no more memory, cached segments are returned to it before the
// request fails.
//
// Locks. `mutex_` guards everything here. Nothing that can wait for the launch queue (recording an event,
// waiting for the device) happens under it, so work that frees memory on the launch thread cannot deadlock
// with it. Under it come only CANN's own locks. The GIL is never taken.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Stream.h>
#include <c10/util/SmallVector.h>

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace npu {

// What a pool needs of the device below it. `record`, `quiesce` and `memory_info` are called without the
// pool's lock, perhaps by several threads at once; the others under it.
class PoolBackend {
 public:
  virtual ~PoolBackend() = default;
  // Null if the device has not that much left; throws for every other failure.
  virtual void* allocate(size_t nbytes) = 0;
  virtual void free(void* ptr) noexcept = 0;
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
};

struct Block;
class DevicePool;

struct BlockOrder {
  struct Key {
    c10::StreamId stream;
    size_t size;
  };
  using is_transparent = void;
  bool operator()(const Block* a, const Block* b) const;
  bool operator()(const Block* a, const Key& key) const;
};

using IdleBlocks = std::set<Block*, BlockOrder>;

// One allocation of the device. `first` starts the list of the blocks it is cut into, in the order of
// addresses.
struct Segment {
  Block* first;
  size_t size;
  bool small;
  uint64_t freed_epoch;  // of the last free inside it: see DevicePool::epoch_
};

struct Block {
  DevicePool* owner = nullptr;
  char* ptr = nullptr;
  size_t size = 0;
  size_t requested = 0;
  c10::StreamId stream = 0;
  Segment* segment = nullptr;
  Block* prev = nullptr;
  Block* next = nullptr;
  bool allocated = false;
  uint32_t pending = 0;     // events that must pass before the block is idle
  uint64_t idle_since = 0;  // in requests served by the pool
  c10::SmallVector<c10::Stream, 2> used_on;
  IdleBlocks::node_type node;  // while outside the set: kept, so that reuse allocates no memory

  bool is_split() const { return prev || next; }
  bool is_idle() const { return !allocated && pending == 0; }
};

class DevicePool {
 public:
  DevicePool(c10::DeviceIndex device, PoolBackend& backend) : device_(device), backend_(backend) {}
  // Leaked with its device: tensors may outlive every static destructor.
  ~DevicePool() = delete;
  DevicePool(const DevicePool&) = delete;
  DevicePool& operator=(const DevicePool&) = delete;

  // A block of at least `nbytes` > 0 for use on `stream`. c10::OutOfMemoryError, with the state of the device
  // and the remedy, if there is none even after the cache was returned.
  Block* allocate(size_t nbytes, c10::StreamId stream);
  // Never throws: called by destructors. A block whose events cannot be recorded stays out of reuse until a
  // quiesce.
  void free(Block* block) noexcept;
  // `block` is also used by work on `stream`, so its memory must not be reused before that work is done.
  void use_on(Block* block, const c10::Stream& stream);

  // Returns every segment that is idle as a whole to the device. Waits for the device.
  void empty_cache();
  // Returns the idle segments for which no wait is needed; the bytes returned. For a launch thread that has
  // run out of memory and may not wait: gives up if the lock is taken.
  size_t release_settled() noexcept;
  // Caps what is taken from the device; 0 takes the cap away.
  void set_limit(size_t nbytes);

  c10::CachingDeviceAllocator::DeviceStats stats();
  // (allocated, reserved) bytes.
  std::pair<size_t, size_t> usage();
  void reset_peak_stats();
  void reset_accumulated_stats();
  std::vector<c10::CachingDeviceAllocator::SegmentInfo> snapshot();
  c10::DeviceIndex device() const { return device_; }
  // Whether the address lies in one of this pool's segments.
  bool owns(const void* ptr);

 private:
  struct Request {
    size_t requested;
    size_t size;          // rounded
    size_t segment_size;  // what to ask of the device if no idle block fits
    c10::StreamId stream;
    bool small;
  };
  struct Awaited {
    void* event;
    Block* block;
    uint64_t epoch;  // of its free
  };
  using Lock = std::unique_lock<std::mutex>;

  static Request request(size_t nbytes, c10::StreamId stream);
  IdleBlocks& idle(bool small) { return small ? small_ : large_; }

  Block* find(const Request& r);
  Block* grow(const Request& r);
  Block* retry(const Request& r, Lock& lock);
  Block* serve(Block* block, const Request& r);
  void split(Block* block, size_t size);
  [[noreturn]] void out_of_memory(const Request& r, Lock& lock);

  std::deque<Awaited>& awaited(const c10::Stream& stream);
  void reclaim();
  void make_idle(Block* block);
  Block* absorb(Block* into, Block* next);
  void put(Block* block);
  void take(Block* block);
  Block* new_block();
  void recycle(Block* block);

  // Waits for the device without the lock; answers the epoch before which every free is now safe to act upon.
  uint64_t quiesced(Lock& lock);
  bool releasable(const Block* block, uint64_t epoch) const;
  void release(Block* block);
  // Answers how many segments had to stay because they were freed into during the wait.
  size_t release_all(uint64_t epoch);
  void release_oversize(const Request& r, uint64_t epoch);
  void collect_garbage(const Request& r, Lock& lock);

  void count(c10::CachingAllocator::StatArray& stat, bool small, size_t amount);
  void uncount(c10::CachingAllocator::StatArray& stat, bool small, size_t amount);

  const c10::DeviceIndex device_;
  PoolBackend& backend_;

  std::mutex mutex_;
  IdleBlocks small_;
  IdleBlocks large_;
  std::map<const char*, Segment> segments_;
  std::vector<std::pair<c10::Stream, std::deque<Awaited>>>
      awaited_;                                          // a queue a stream: its events pass in order
  std::vector<std::pair<Block*, uint64_t>> unrecorded_;  // with the epoch of their free
  std::vector<Block*> spare_;
  std::optional<size_t> limit_;
  size_t reserved_ = 0;
  uint64_t served_ = 0;
  // Raised before each wait for the device. A segment freed into at epoch e may be returned to the device
  // only after a wait that began at a later epoch: work that uses it may have been enqueued while that wait
  // was going on.
  uint64_t epoch_ = 1;
  uint64_t settled_ = 0;  // the epoch of the last wait that ended
  c10::CachingDeviceAllocator::DeviceStats stats_;
};

}  // namespace npu
