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
// Expandable segments (`expandable_segments:True`): a stream has one segment a size class, of more addresses
// than the device has memory, and memory is mapped into it granule by granule. So blocks of changing sizes
// merge across what would be borders of segments, and granules that nothing uses go back one by one.
//
// Private pools: an Arena holds segments that serve no request but those routed to it, by a thread
// (`use_mem_pool`) or by the stream of a graph's capture. Segments of an arena that a graph was captured into
// stay as long as the graph: its replays use their addresses.
//
// Locks. `mutex_` guards everything here. Nothing that can wait for the launch queue (recording an event,
// waiting for the device) happens under it, so work that frees memory on the launch thread cannot deadlock
// with it. Under it come only CANN's own locks. The GIL is never taken.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Stream.h>
#include <c10/util/SmallVector.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "memory_history.h"
#include "npu/core/location.h"
#include "npu/core/macros.h"
#include "pool_backend.h"

namespace npu {

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

// A set of segments that serve the same requests: the pool's own, or a private one.
struct Arena {
  c10::MempoolId_t id{0, 0};
  IdleBlocks small;
  IdleBlocks large;
  IdleBlocks unmapped;                    // what of the expandable segments has no memory
  std::shared_ptr<SegmentSource> source;  // null: the device
  int uses = 0;                           // of a private one: owners, and routes that lead to it
  bool on_oom = false;                    // serves any request that would fail otherwise
  bool no_split = false;
  bool captured = false;  // by a graph
  size_t reserved = 0;
  IdleBlocks& idle(bool is_small) { return is_small ? small : large; }
};

// One allocation of the device, or one range of addresses if expandable. `first` starts the list of the
// blocks it is cut into, in the order of addresses.
struct Segment {
  Block* first;
  size_t size;
  bool small;
  c10::StreamId stream;
  Arena* arena;
  size_t granule = 0;  // expandable: mapped in multiples of it; else 0
  size_t mapped = 0;   // of an expandable one
  MemoryHistory::Context context;
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
  bool mapped = true;
  bool piece = false;        // counted as inactive_split
  uint32_t pending = 0;      // events that must pass before the block is idle
  uint64_t idle_since = 0;   // in requests served by the pool
  uint64_t freed_epoch = 0;  // of the last free inside it: see DevicePool::epoch_
  c10::SmallVector<c10::Stream, 2> used_on;
  IdleBlocks::node_type node;  // while outside the set: kept, so that reuse allocates no memory
  Location where;              // of a large one: who asked for it
  MemoryHistory::Context context;

  bool is_split() const { return (prev && prev->mapped) || (next && next->mapped); }
  bool is_idle() const { return mapped && !allocated && pending == 0; }
};

// Called when an allocation is about to fail: device, bytes asked for, bytes of the device, bytes free there.
using OutOfMemoryObserver = std::function<void(int64_t, size_t, size_t, size_t)>;

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

  // Undoes use_on: the caller knows that the work there is done.
  void forget_use(Block* block, const c10::Stream& stream);

  // Returns every segment that is idle as a whole to the device, of the common pool or of a private one.
  // Waits for the device.
  void empty_cache(c10::MempoolId_t id = {0, 0});
  // Returns the idle segments for which no wait is needed; the bytes returned. For a launch thread that has
  // run out of memory and may not wait: gives up if the lock is taken.
  size_t release_settled() noexcept;
  // Caps what is taken from the device; 0 takes the cap away.
  void set_limit(size_t nbytes);

  // Exported one by one, for the bindings: calls between members of an exported class would not be inlined.
  // A private pool, made on first mention, is kept by each of these until release_private().
  NPU_API void keep_private(c10::MempoolId_t id, std::shared_ptr<SegmentSource> source = nullptr,
                            bool on_oom = false, bool no_split = false);
  NPU_API void release_private(c10::MempoolId_t id);
  // 0 for an unknown one.
  NPU_API int private_uses(c10::MempoolId_t id);
  // Sends the requests for which `wants` answers true for their stream to a private pool, from the last
  // begun route backwards. It keeps the pool, also after end_route(). `wants` is called under the lock.
  // While one is a capture's, nothing waits for the device nor records or asks events: a capture forbids it.
  void begin_route(c10::MempoolId_t id, std::function<bool(c10::StreamId)> wants, bool capture);
  NPU_API void end_route(c10::MempoolId_t id);

  c10::CachingDeviceAllocator::DeviceStats stats();
  // (allocated, reserved) bytes.
  std::pair<size_t, size_t> usage();
  void reset_peak_stats();
  void reset_accumulated_stats();
  // Of all pools, or of a private one.
  std::vector<c10::CachingDeviceAllocator::SegmentInfo> snapshot(
      std::optional<c10::MempoolId_t> only = std::nullopt);
  void record_history(const HistorySettings& settings, bool clear);
  std::vector<MemoryHistory::Entry> history();
  void observe_out_of_memory(OutOfMemoryObserver observer);
  c10::DeviceIndex device() const { return device_; }
  // Whether the address lies in one of this pool's segments.
  bool owns(const void* ptr);
  // What other processes map to reach a living block. Answers the same for it as long as it lives.
  ShareableMemory shareable(const Block* block);

 private:
  struct Request {
    size_t requested;
    size_t size;          // rounded
    size_t segment_size;  // what to ask of the device if no idle block fits
    c10::StreamId stream;
    bool small;
    Arena* arena;
    MemoryHistory::Context context;
  };
  struct Route {
    Arena* arena;
    std::function<bool(c10::StreamId)> wants;
    bool capture;
  };
  struct Awaited {
    void* event;
    Block* block;
    uint64_t epoch;  // of its free
  };
  using Lock = std::unique_lock<std::mutex>;

  static Request request(size_t nbytes, c10::StreamId stream, Arena* arena);
  std::vector<std::pair<size_t, Location>> largest_blocks(size_t count);

  Arena* routed(c10::StreamId stream);
  Arena& private_arena(c10::MempoolId_t id);
  void drop_if_unused(Arena& arena);
  Block* borrow(const Request& r);

  Block* find(const Request& r, Arena& arena);
  Block* grow(const Request& r);
  bool fits_limit(size_t nbytes) const {
    return !limit_ || (nbytes <= *limit_ && reserved_ <= *limit_ - nbytes);
  }
  Block* extend(const Request& r, size_t granule);
  Block* expandable_start(const Request& r);
  Block* new_range(const Request& r, size_t granule);
  Block* map(Block* block, size_t nbytes, const MemoryHistory::Context& context);
  void unmap(Block* block);
  Block* cut(Block* block, size_t size);
  void put_unmapped(Block* block);
  void take_unmapped(Block* block);
  Block* retry(const Request& r, Lock& lock);
  Block* serve(Block* block, const Request& r);
  [[noreturn]] void out_of_memory(const Request& r, Lock& lock);
  void note(MemoryHistory::Entry::Action action, const void* ptr, size_t size, const Segment& segment,
            MemoryHistory::Context context = nullptr);

  std::deque<Awaited>& awaited(const c10::Stream& stream);
  void await(Block* block, const c10::SmallVector<c10::Stream, 2>& streams, uint64_t epoch);
  void reclaim();
  void make_idle(Block* block);
  Block* merge(Block* block);
  Block* absorb(Block* into, Block* next);
  void put(Block* block);
  void take(Block* block);
  Block* new_block();
  void recycle(Block* block);

  // Waits for the device without the lock; answers the epoch before which every free is now safe to act upon.
  uint64_t quiesced(Lock& lock);
  size_t returnable(const Block* block) const;
  bool releasable(const Block* block, uint64_t epoch) const;
  void release(Block* block);
  size_t release_arena(Arena& arena, uint64_t epoch);
  // Answers how many segments had to stay because they were freed into during the wait.
  size_t release_all(uint64_t epoch);
  void release_oversize(const Request& r, uint64_t epoch);
  void collect_garbage(const Request& r, Lock& lock);

  void count(c10::CachingAllocator::StatArray& stat, bool small, size_t amount);
  void uncount(c10::CachingAllocator::StatArray& stat, bool small, size_t amount);
  // The same for reserved bytes, also of the private pool.
  void count_reserved(const Arena& arena, bool small, size_t amount);
  void uncount_reserved(const Arena& arena, bool small, size_t amount);

  const c10::DeviceIndex device_;
  PoolBackend& backend_;

  std::mutex mutex_;
  Arena common_;
  std::map<c10::MempoolId_t, std::unique_ptr<Arena>> private_;
  std::vector<Route> routes_;
  int captures_ = 0;
  std::map<const char*, Segment> segments_;
  std::vector<std::pair<c10::Stream, std::deque<Awaited>>>
      awaited_;                                          // a queue a stream: its events pass in order
  std::vector<std::pair<Block*, uint64_t>> unrecorded_;  // with the epoch of their free
  std::vector<std::tuple<Block*, c10::SmallVector<c10::Stream, 2>, uint64_t>>
      deferred_;  // freed during a capture: their events are recorded after it
  std::vector<Block*> spare_;
  std::optional<size_t> limit_;
  size_t reserved_ = 0;
  uint64_t served_ = 0;
  // Raised before each wait for the device. Memory freed at epoch e may be returned to the device
  // only after a wait that began at a later epoch: work that uses it may have been enqueued while that wait
  // was going on.
  uint64_t epoch_ = 1;
  uint64_t settled_ = 0;  // the epoch of the last wait that ended
  c10::CachingDeviceAllocator::DeviceStats stats_;
  MemoryHistory history_;
  MemoryHistory::Context releasing_;  // the stack of who empties the cache, while it does
  std::vector<OutOfMemoryObserver> observers_;
};

}  // namespace npu
