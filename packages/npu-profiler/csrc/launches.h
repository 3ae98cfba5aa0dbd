// SPDX-License-Identifier: BSD-3-Clause
// What npu-core tells of the work it takes: one Launch from the enqueue by an operator to the call into CANN.
//
// Ids are never reused in a process, so that what is still queued from an earlier session is recognised and
// left out. They begin high, because torch numbers its operators from 1 in the same field of a trace.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <vector>

#include "npu/core/abi.h"

namespace npu::profiler {

// Nanoseconds since the epoch: the clock of torch's own events and of CANN's records.
int64_t now_ns();

struct Launch {
  uint64_t id = 0;
  npu_activity what{};
  uint64_t operator_id = 0;    // torch's correlation id of the operator that enqueued it; 0: none
  uint64_t annotation_id = 0;  // of the innermost record_function range around it; 0: none
  int64_t enqueue_begin = 0, enqueue_end = 0;
  int64_t launch_begin = 0, launch_end = 0;  // 0: it was never launched
  int32_t enqueue_thread = 0, launch_thread = 0;
  aclrtStream stream = nullptr;  // null: it blocked its caller
};

// What times launches on the device. Called on launch threads.
class DeviceTimer {
 public:
  virtual ~DeviceTimer() = default;
  virtual void begin(uint64_t id, aclrtStream stream, const npu_activity& what) = 0;
  virtual void end(uint64_t id, aclrtStream stream) = 0;
};

class Launches {
 public:
  static Launches& instance();

  // From now on work is recorded, and each launch goes through the timers that `on_first` answers (the last
  // ends first). It is asked at the first piece of work, on the thread that enqueues it: a program that uses
  // no device pays for none.
  using Timers = std::vector<DeviceTimer*>;
  void start(std::function<Timers()> on_first);
  // Nothing is recorded any more and no timer is called once this returned.
  void stop();
  // As stop(), but waits for nobody: the timers must live as long as the process.
  void abandon();
  // The devices that got work so far.
  std::set<int32_t> devices();
  // What was recorded since start(), which is then forgotten.
  std::deque<Launch> take();

 private:
  Launches() = default;
  static uint64_t enqueue_begin(const npu_activity* what);
  static void enqueue_end(uint64_t id);
  static void launch_begin(uint64_t id, aclrtStream stream);
  static void launch_end(uint64_t id, aclrtStream stream);
  Launch* find(uint64_t id);

  static const npu_activity_hooks hooks_;
  std::mutex mutex_;
  bool on_ = false;
  uint64_t first_id_ = uint64_t{1} << 30;
  std::deque<Launch> launches_;  // by id from first_id_
  std::function<Timers()> on_first_;
  Timers timers_;
  int inside_ = 0;  // launch threads between begin and end of a timer
};

// While one lives on a thread, what the thread enqueues is not recorded: it is the profiler's own.
struct Unrecorded {
  Unrecorded();
  ~Unrecorded();
  Unrecorded(const Unrecorded&) = delete;
};

// The operators and ranges that this thread is in, as Kineto tells them.
void push_operator(uint64_t id);
void pop_operator();
void push_annotation(uint64_t id);
void pop_annotation();

}  // namespace npu::profiler
