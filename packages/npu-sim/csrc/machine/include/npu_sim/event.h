// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "npu/cann/acl_types.h"
#include "npu_sim/api.h"
#include "npu_sim/handle_table.h"
#include "npu_sim/queue.h"

namespace npu_sim {

struct CapturePoint;
class SharedPoint;

// A point in a stream: done when its worker has reached it.
class NPU_SIM_API Mark {
 public:
  explicit Mark(std::shared_ptr<Stream> stream) : stream(std::move(stream)) {}

  const std::shared_ptr<Stream> stream;  // may be null

  void reach();
  bool reached() const { return reached_.load(std::memory_order_acquire); }
  // Nanoseconds of the steady clock at which the worker got there; meaningless before.
  int64_t time_ns() const { return time_ns_; }
  // False if the deadline passed first, or `waiter` (may be null) was aborted.
  bool wait(Clock::time_point deadline, const Stream* waiter);
  // The calling thread has seen that it was reached, and may rely on what was done before.
  void learn() const;

 private:
  bool await(Clock::time_point deadline, const Stream* waiter);

  std::atomic<bool> reached_{false};
  int64_t time_ns_ = 0;
  std::shared_ptr<const VectorClock> known_;  // while the checker is on
  std::mutex mutex_;
  std::condition_variable changed_;
};

// Names the mark of its latest record; a wait keeps the mark that it found, so a later record does not change
// it.
class NPU_SIM_API Event : public std::enable_shared_from_this<Event> {
 public:
  Event(uint32_t flags, bool reusable) : flags(flags), reusable(reusable) {}

  const uint32_t flags;
  // Made by aclrtCreateEventExWithFlag: recorded any number of times, never reset, has no wait status.
  const bool reusable;
  std::atomic<int> pending_waits{0};
  std::shared_ptr<SharedPoint>
      shared;  // of ACL_EVENT_IPC: set before the first use, other processes have it too

  // Null before the first record.
  std::shared_ptr<Mark> latest() const;
  int record(Stream& stream);
  // `timeout_ms` negative: for ever.
  static int make_wait(const std::shared_ptr<Event>& event, Stream& waiter, int timeout_ms);
  int synchronize(int timeout_ms);
  void reset();
  // Refuses a host call about an event whose latest record was captured: it names no point in time.
  int refuse_captured(const char* call) const;

  // Whether the latest record was reached, of an event with `shared` too; true if there was none.
  bool complete() const;

 private:
  int record_shared(Stream& stream);
  int capture_record(Stream& stream);
  std::shared_ptr<CapturePoint> captured() const;
  // Waits for a record that may be yet to come.
  bool wait_recorded(Clock::time_point deadline, const Stream& waiter);

  mutable std::mutex mutex_;
  std::condition_variable recorded_;
  std::shared_ptr<Mark> latest_;
  std::shared_ptr<CapturePoint> captured_;  // instead of `latest_`, while that capture goes on
};

NPU_SIM_API HandleTable<Event>& events();

// How long a stream's wait for an event may take: aclrtSetOpWaitTimeout. Milliseconds, negative for ever.
extern NPU_SIM_API std::atomic<int> event_wait_timeout_ms;

}  // namespace npu_sim
