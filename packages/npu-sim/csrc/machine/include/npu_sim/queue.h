// SPDX-License-Identifier: BSD-3-Clause
// A stream's queue and worker. The operator libraries need only stream.h.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "npu_sim/activity.h"
#include "npu_sim/handle_table.h"
#include "npu_sim/stream.h"
#include "npu_sim/watch.h"

namespace npu_sim {

class Context;
class Device;
struct Diversion;

using Clock = std::chrono::steady_clock;

// When a wait of `timeout_ms` ends; negative: never.
NPU_SIM_API Clock::time_point deadline_after(int timeout_ms);

class NPU_SIM_API Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(Context& context, uint32_t priority, uint32_t flags);
  Stream(const Stream&) = delete;

  Device& device;
  const Context* const context;  // identity only: the stream may outlive it
  const int id;
  const uint32_t flags;
  std::atomic<uint32_t> priority;  // smaller runs first
  aclrtStream handle = nullptr;
  std::atomic<uint32_t> overflow_switch{0};            // operators look for overflow
  std::array<std::atomic<uint32_t>, 2> core_limits{};  // as the device's

  // `ticket` (may be null) gets the number to wait for. Blocks while the queue is full.
  int enqueue(const char* name, Task task, Engine engine, uint64_t* ticket);
  uint64_t submitted() const { return submitted_.load(std::memory_order_acquire); }
  bool completed(uint64_t ticket) const { return completed_.load(std::memory_order_acquire) >= ticket; }
  // Whether nothing is left to do; the caller may then rely on what was done.
  bool finished();
  // False if the deadline passed first.
  bool wait(uint64_t ticket, Clock::time_point deadline);
  // Waits for everything enqueued so far and reports. `timeout_ms` negative: for ever.
  int synchronize(int timeout_ms);
  // Answers the device's fault or this stream's error, sets its message on this thread, and forgets the error
  // unless the stream stops on failure.
  int report();

  void stop_on_failure() { stop_on_failure_.store(true, std::memory_order_relaxed); }
  // Whether an error stopped this stream: it takes no new task.
  bool stopped() const { return stop_on_failure_.load(std::memory_order_relaxed) && failed_.load(); }
  // Discards what is queued and cancels a wait in progress, until `resume`. Synchronisations that this cuts
  // short answer `code`.
  void abort(int code);
  void resume();
  bool aborted() const { return aborted_.load(std::memory_order_acquire); }
  // A kernel that hangs ends: the device is being reset.
  void let_go() { let_go_.store(true, std::memory_order_release); }
  bool gone() const { return let_go_.load(std::memory_order_acquire); }
  // Ends the worker when the queue is empty; no task is taken any more.
  void close();
  bool closed();
  bool on_worker() const;

  // One task on its way through the worker.
  struct Work {
    const char* name;
    Task& task;
    Engine engine;
    const PendingActivity* activity;  // null: nobody listens
    const Stamp* stamp = nullptr;     // null: nothing is watched, or the task is of a graph
  };
  // On the worker: what the queue does with a task, and graphs with theirs. An error becomes the stream's.
  void run(const Work& work);

  // Whether tasks go elsewhere than into the queue: into a capture, or into the update of a task group.
  bool diverted() const { return diverted_.load(std::memory_order_acquire); }
  // Both under the lock of capture.cpp.
  void divert(std::shared_ptr<Diversion> to);
  Diversion* diversion() const { return diversion_.get(); }

 private:
  struct Item {
    const char* name;
    Task task;
    Engine engine;
    std::unique_ptr<PendingActivity> activity;
    std::unique_ptr<Stamp> stamp;
  };

  void work();
  int perform(const Work& work);
  int run_watched(const Work& work);  // watch.cpp
  void tell(const Work& work, int64_t begin_ns, int64_t end_ns);
  void record_error(const char* name, int code, const std::string& message);
  bool take(std::vector<Item>& batch);
  bool await(uint64_t ticket, Clock::time_point deadline);

  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::condition_variable progress_;
  std::vector<Item> pending_;
  bool started_ = false;
  bool closed_ = false;
  bool asleep_ = false;
  // Each side writes lines of its own: a worker that counts would else slow the thread that enqueues.
  alignas(64) std::atomic<uint64_t> submitted_{0};
  alignas(64) std::atomic<uint64_t> completed_{0};
  alignas(64) std::atomic<int> waiters_{0};
  std::atomic<bool> stop_on_failure_{false};
  std::atomic<bool> aborted_{false};
  std::atomic<bool> let_go_{false};
  std::atomic<uint32_t> aborts_{0};
  std::atomic<int> abort_code_{0};
  std::atomic<bool> failed_{false};

  std::atomic<bool> diverted_{false};
  std::shared_ptr<Diversion> diversion_;

  std::mutex error_mutex_;
  int error_ = 0;
  std::string error_message_;
};

NPU_SIM_API HandleTable<Stream>& streams();

// How long one operator may run, in microseconds: aclrtSetOpExecuteTimeOut. One that ran longer is a fault of
// the device, found when it ends, since a thread cannot be stopped from outside. Negative: for ever.
extern NPU_SIM_API std::atomic<int64_t> op_execute_timeout_us;

// The stream whose worker the calling thread is; null on other threads.
NPU_SIM_API Stream* worker_stream();

}  // namespace npu_sim
