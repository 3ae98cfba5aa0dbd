// SPDX-License-Identifier: BSD-3-Clause
// The inline mode of the launch queue: tasks run on the calling thread and throw there.
#include <c10/util/Exception.h>

#include <utility>

#include "launch_history.h"
#include "launch_queue_impl.h"
#include "npu/core/env.h"
#include "npu/core/error.h"
#include "process.h"

namespace npu {

Ticket LaunchQueue::Impl::run_inline(const TaskKind& kind, detail::StreamState& stream, const void* payload,
                                     size_t size, uint64_t activity) {
  std::unique_lock lock(inline_mutex);
  // The mode changes under this lock and the queue's: two threads in different modes would give out the same
  // ticket.
  if (C10_UNLIKELY(!inline_mode.load(std::memory_order_relaxed))) return 0;
  // What was queued before the mode changed comes first.
  if (C10_UNLIKELY(done.load() < issued.load())) wait(issued.load(), Clock::time_point::max());
  const Ticket ticket = issued.fetch_add(1) + 1;
  const LaunchQueue* before = std::exchange(t_running, &owner);
  auto end = [&] {
    t_running = before;
    finish(ticket);
  };
  // After the ticket was issued: shutdown's flush waits for us, or we see that it began.
  if (C10_UNLIKELY(closing())) {
    end();
    lock.unlock();
    refuse_after_shutdown();
  }
  stream.last_ticket.store(ticket, std::memory_order_release);
  const Location where = capture_location();
  try {
    bind_device(owner.device());
    aclrtStream native = stream.handle();
    kind.run(payload, {native, launcher, stream, activity});
    launcher.history.note(kind, stream, where, payload, size);
    if (env().launch_blocking) NPU_CHECK(cann().aclrtSynchronizeStream(native));
  } catch (...) {
    Failure f = current_failure();
    const Launched culprit = launcher.history.culprit(f.message, kind, stream, where, payload);
    end();
    lock.unlock();  // the line needs Python's lock, which another launching thread may hold
    f.message += explain_now(culprit);
    raise_failure(f);
  }
  end();
  return ticket;
}

void LaunchQueue::set_inline(bool inline_mode) {
  Impl& q = *impl_;
  std::scoped_lock lock(q.inline_mutex, q.mutex);  // a launch that runs inline ends before the queue is used
  q.inline_mode.store(inline_mode, std::memory_order_relaxed);
}

namespace {

std::atomic<int> g_queued{-1};  // what set_queued_launches() said; -1: what the environment says

}  // namespace

bool queued_launches() noexcept {
  const int set = g_queued.load();
  return set < 0 ? env().task_queue && !env().launch_blocking : set != 0;
}

void set_queued_launches(bool queued) {
  TORCH_CHECK(
      !queued || !env().launch_blocking,
      "ASCEND_LAUNCH_BLOCKING=1 asks for launches on the calling thread: unset it to use the launch queue");
  std::lock_guard lock(creation_mutex());
  g_queued.store(queued);
  for (DeviceIndex device = 0; device < kMaxDevices; ++device) {
    if (LaunchQueue* q = LaunchQueue::started(device)) q->set_inline(!queued);
  }
}

}  // namespace npu
