// SPDX-License-Identifier: BSD-3-Clause
// The inside of a launch queue, which launch_queue.cpp (the thread and its ring) and launch_inline.cpp (tasks
// on the calling thread) share.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>

#include "launcher.h"
#include "npu/core/launch_queue.h"
#include "ring.h"
#include "streams.h"

namespace npu {

inline constexpr size_t kRingBytes = size_t{1} << 21;
inline constexpr Ticket kNobody = std::numeric_limits<Ticket>::max();

using Clock = std::chrono::steady_clock;

// The queue whose task this thread is running.
inline constinit thread_local const LaunchQueue* t_running = nullptr;

// Guards the making of queues, and the mode of all of them. Taken before any of a queue's own.
std::mutex& creation_mutex();

struct LaunchQueue::Impl {
  explicit Impl(LaunchQueue& q) : owner(q), inline_mode(!queued_launches()), launcher(q.device()) {}

  LaunchQueue& owner;
  std::atomic<bool> inline_mode;  // written under `mutex`
  Launcher launcher;

  std::mutex mutex;  // producers: ring, issued, started
  Ring ring{kRingBytes};
  bool started = false;
  std::atomic<Ticket> issued{0};

  std::atomic<bool> sleeping{false};
  std::atomic<int32_t> wake{0};

  std::atomic<Ticket> done{0};
  std::mutex done_mutex;
  std::condition_variable done_changed;
  std::atomic<Ticket> wanted{kNobody};  // the smallest ticket that somebody sleeps for

  std::mutex error_mutex;
  std::atomic<bool> has_error{false};
  Failure error;
  // Made text by who raises it: that needs the GIL, which the launch thread must never wait for.
  Location error_where;

  std::mutex inline_mutex;  // inline modes: one launch at a time, as on the launch thread

  void start();
  void loop();
  void wait_for_work();
  void run(const Record& record) noexcept;
  void finish(Ticket ticket) noexcept;
  bool wait(Ticket ticket, Clock::time_point deadline) noexcept;
  // 0, with nothing done, if the mode is another one by now.
  Ticket run_inline(const TaskKind& kind, detail::StreamState& stream, const void* payload, size_t size,
                    uint64_t activity);
};

}  // namespace npu
