// SPDX-License-Identifier: BSD-3-Clause
// The launch queue: one FIFO and one launch thread a device.
//
// Everything that reaches a stream goes through its device's queue: operators, copies, event records and
// waits, callbacks. So work arrives in program order, the caller pays only for copying its arguments, and
// what CANN makes slow (descriptors, first phase, workspace) happens beside the Python thread.
//
// Rules, and what breaks without them:
//   1. Lock order: the queue's mutex is a leaf. No CANN call, no other lock and no Python under it.
//   2. A task never waits for Python (the GIL) nor for a lock that someone holds while flushing: the queue is
//   bounded,
//      and a full queue makes its caller wait, GIL or not. Deadlock otherwise.
//   3. A task never enqueues on its own device. It may wait for a ticket of another device that was given out
//   before
//      it was enqueued; that order makes cycles impossible.
//   4. Memory named by queued work is freed to CANN only after flush() and a synchronisation; handing it on
//   in stream
//      order (what a caching allocator does) needs neither.
//
// Inline modes (env.h): the task runs on the calling thread before enqueue() returns, and throws there.
//
// Errors of queued work: the first is kept, with operator, shapes, dtypes and the Python line that enqueued
// it, and raised once, by the next synchronising call on that device. Later work still runs. An error of the
// device itself is raised by the call that waited, as often as CANN answers it, with the same about the
// launch that it names (or the last few, if it names none).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "npu/core/NPUStream.h"
#include "npu/core/abi.h"
#include "npu/core/failure.h"
#include "npu/core/location.h"

namespace npu {

class Launcher;
struct Launched;

namespace detail {
struct StreamState;
}

// A position in one device's queue: 1 for the first piece of work.
using Ticket = uint64_t;

// What a task gets besides its payload.
struct TaskContext {
  aclrtStream stream;
  Launcher& launcher;  // the device's descriptors, executors and workspaces (internal, as is `state`)
  detail::StreamState& state;
  uint64_t activity;  // what a profiler calls this work; 0: it does not ask
};
using TaskRun = void (*)(const void* payload, const TaskContext& context);
// What an error says about the payload, "aclnnAdd(float32[2, 3], ...)"; null: the task's name.
using TaskDescribe = std::string (*)(const void* payload);
// Fills in what a profiler is told besides name and device; null: it is not told of the task.
using TaskActivity = void (*)(const void* payload, npu_activity& activity);

struct TaskKind {
  const char* name;  // static storage
  TaskRun run;
  TaskDescribe describe = nullptr;
  TaskActivity activity = nullptr;
};

class NPU_API LaunchQueue {
 public:
  // The queue of a device. Initialises CANN; the thread starts with the first task.
  static LaunchQueue& of(DeviceIndex device);
  // The queue if it was ever used in this process, else null. For queries, frees and destructors.
  static LaunchQueue* started(DeviceIndex device) noexcept;

  LaunchQueue(const LaunchQueue&) = delete;  // its thread holds its address
  LaunchQueue& operator=(const LaunchQueue&) = delete;

  DeviceIndex device() const noexcept { return device_; }

  // Enqueues a copy of `size` bytes of `payload`, 16-byte aligned when the task gets it. RuntimeError after
  // shutdown, in a bad fork, and from a task of this same queue.
  Ticket enqueue(const TaskKind& kind, const NPUStream& stream, const void* payload, size_t size);
  Ticket enqueue(const TaskKind& kind, detail::StreamState& stream, const void* payload,
                 size_t size);  // internal

  // Enqueues `task(aclrtStream)`, a small callable without ownership: it is copied as bytes. It may throw.
  template <class F>
  Ticket enqueue(const char* name, const NPUStream& stream, F task) {
    static_assert(std::is_trivially_copyable_v<F> && std::is_trivially_destructible_v<F>,
                  "a queued task is copied as bytes: capture plain values and raw pointers");
    return enqueue_named(
        name, stream, [](const void* f, const TaskContext& c) { (*static_cast<const F*>(f))(c.stream); },
        &task, sizeof task);
  }

  // Waits until everything enqueued so far, or up to `ticket`, was handed to CANN. Raises nothing.
  void flush() noexcept;
  void flush(Ticket ticket) noexcept;
  // As flush(), but gives up after `milliseconds`; whether it was reached.
  bool flush_for(int milliseconds) noexcept;
  bool launched(Ticket ticket) const noexcept;

  // The first error of this device's queued work, which is then forgotten; empty if there was none.
  Failure take_error() noexcept;
  // Raises take_error() if there is one.
  void raise_error();
  // The launches that an error of the device may be about (launch_history.h).
  std::vector<Launched> suspects(std::string_view message) noexcept;

  // Whether tasks run on the calling thread from now on; those queued before still come first.
  void set_inline(bool inline_mode);

  // Returns the workspaces of the device's streams to CANN after their work has completed; bytes returned.
  size_t release_workspaces();

 private:
  explicit LaunchQueue(DeviceIndex device);
  Ticket enqueue_named(const char* name, const NPUStream& stream, TaskRun run, const void* payload,
                       size_t size);

  struct Impl;
  DeviceIndex device_;
  Impl* impl_;
};

// After the CANN call `call` that waited for work of the device answered `code`: raises the first error of
// queued work, else, with the operation that it may be about, the device's.
NPU_API void raise_after_wait(DeviceIndex device, const char* call, int code);
// Waits for the stream (after flushing its queue), then raises the device's first error.
NPU_API void synchronize_stream(const NPUStream& stream);
// Flushes all queues of this process that were started. Raises nothing.
NPU_API void flush_all() noexcept;

// Whether launches go through the queue's thread: TASK_QUEUE_ENABLE, or what was set since.
NPU_API bool queued_launches() noexcept;
// For all devices. RuntimeError if ASCEND_LAUNCH_BLOCKING=1 asks for the opposite.
NPU_API void set_queued_launches(bool queued);

// To be called after an option of CANN changed that operators look at in their first phase (determinism,
// precision): executors cached before are not used any more.
NPU_API void launch_options_changed() noexcept;

// Called when CANN has no memory for a workspace: frees what it can on `device` and answers whether it freed
// anything. Runs on the launch thread, so it must neither flush nor wait for a lock that someone holds while
// flushing.
using ReclaimHook = bool (*)(DeviceIndex device) noexcept;
NPU_API void set_reclaim_hook(ReclaimHook hook) noexcept;

}  // namespace npu
