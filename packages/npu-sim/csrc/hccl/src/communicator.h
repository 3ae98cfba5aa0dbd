// SPDX-License-Identifier: BSD-3-Clause
// One rank's end of a communicator.
//
// Failure. The first rank that finds something wrong writes it into the shared segment; every rank that waits
// sees it at once, and no rank waits for one that cannot come. A failed communicator stays failed.
// Order. Operations of one communicator run in the order in which this rank called them, whatever streams
// they are on: a line (of all collectives, of the messages to or from one peer) serves one at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "config.h"
#include "npu_sim/device.h"
#include "npu_sim/handle_table.h"
#include "segment.h"

namespace npu_sim {
class Device;
}

namespace npu_sim::hccl {

// Those who wait for their turn.
struct Line {
  uint64_t issued = 0;
  uint64_t served = 0;
};
struct Turn {
  Line* line;
  uint64_t number;
};

class Communicator {
 public:
  Communicator(std::shared_ptr<Segment> segment, uint32_t rank, Device& device, const Options& options);
  Communicator(const Communicator&) = delete;  // other ranks know this one by its slot
  ~Communicator();

  const uint32_t rank;
  const uint32_t size;
  const int device;  // as the user numbers it
  const std::string name;
  const std::chrono::milliseconds timeout;  // of every wait of an operation
  Segment& segment() { return *segment_; }

  // Makes this rank known and waits until all are.
  HcclResult attach(int physical_device, std::chrono::milliseconds connect_timeout);
  // Takes, once, the device memory through which CANN's communicators send and receive: by HCCL's published
  // source in the first operation, and until the communicator ends. Operations here go through the segment,
  // so nothing touches it; the device has that much less.
  HcclResult take_buffers(const char* call);
  // What waits here stops, and other ranks learn that this one is gone.
  void leave();
  void suspend(bool on);

  // Whether an operation may be enqueued: neither failed nor suspended.
  HcclResult check_usable(const char* call);
  // HCCL_SUCCESS, or what went wrong first, here or at another rank, with its message.
  HcclResult async_error();

  // Sleeps on `word` until `missing`, the ranks that this one waits for, is empty.
  using Ranks = std::vector<uint32_t>;
  HcclResult wait(const char* call, std::atomic<uint32_t>& word, const std::function<Ranks()>& missing,
                  std::chrono::milliseconds longest);
  // Marks the communicator as failed for all ranks, unless it was; sets the message; answers `code`.
  HcclResult fail(HcclResult code, const std::string& text);

  // Names the next communicator that ranks of this one make as `id` with `leader`: the same at all of them,
  // another one each time, never 0.
  uint64_t next_child(uint64_t id, uint32_t leader);

  Turn take_turn(Line& line);
  HcclResult wait_for_turn(const Turn& turn);
  void end_turn(const Turn& turn);
  std::mutex issue;  // held while an operation gets its turns and its place in a stream
  Line collectives;
  std::vector<Line> sends, receives;  // by peer

  std::atomic<int32_t> settings[HCCL_CONFIG_RESERVED]{};  // HcclSetCommConfig's

  uint64_t calls = 0;   // collectives so far
  uint64_t rounds = 0;  // rounds so far

 private:
  std::string describe_peer(uint32_t peer) const;
  // Fails if `peer`, which this rank waits for, cannot come any more.
  HcclResult check_peer(const char* call, uint32_t peer, const std::function<Ranks()>& missing);
  HcclResult stopped(const char* call);
  HcclResult reported(const char* call);

  const std::shared_ptr<Segment> segment_;
  DeviceMemory& memory_;
  const uint64_t buffer_bytes_;
  DeviceBlock buffers_;
  std::atomic<bool> left_{false};
  std::atomic<bool> suspended_{false};
  std::mutex mutex_;                                            // buffers, lines and children
  std::map<std::pair<uint64_t, uint32_t>, uint64_t> children_;  // how many there were
  std::condition_variable served_;
};

HandleTable<Communicator>& communicators();

// The live communicator of a handle; HCCL_E_PTR or HCCL_E_PARA with a message.
HcclResult find(HcclComm handle, const char* call, std::shared_ptr<Communicator>* comm);

}  // namespace npu_sim::hccl
