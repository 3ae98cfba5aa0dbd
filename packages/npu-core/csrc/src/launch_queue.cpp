// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/launch_queue.h"

#include <c10/util/Exception.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>

#include "activity.h"
#include "launch_history.h"
#include "launch_queue_impl.h"
#include "npu/core/error.h"
#include "process.h"

namespace npu {
namespace {

// How often either side looks again before it sleeps: about ten microseconds, the time of one launch. Each
// look yields, so that on a machine with few cores the one waited for can run.
constexpr int kLooks = 64;
std::array<std::atomic<LaunchQueue*>, kMaxDevices> g_queues{};
std::atomic<LaunchQueue*>& slot_of(DeviceIndex device) {
  return g_queues[static_cast<unsigned char>(device)];
}

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class P>
bool look_for(P reached) {
  for (int i = 0; i < kLooks; ++i) {
    if (reached()) return true;
    for (int k = 0; k < 16; ++k) pause();
    if (i % 8 == 7) std::this_thread::yield();
  }
  return reached();
}

void check_open() {
  TORCH_CHECK(!in_bad_fork(), kBadFork);
  if (C10_UNLIKELY(closing())) refuse_after_shutdown();
}

}  // namespace

std::mutex& creation_mutex() {
  static std::mutex* m = new std::mutex;
  return *m;
}

void LaunchQueue::Impl::start() {
  // The interpreter's thread is the one to get signals: Ctrl-C must not land here.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([this] { loop(); }).detach();  // ends with the process: it holds nothing that must be released
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  started = true;
}

void LaunchQueue::Impl::loop() {
  pthread_setname_np(pthread_self(), ("npu-launch-" + std::to_string(owner.device())).c_str());
  t_running = &owner;
  for (;;) {
    Record* record = nullptr;
    while (!(record = ring.front())) wait_for_work();
    run(*record);
    ring.pop();
    finish(done.load(std::memory_order_relaxed) + 1);  // tickets between were of launches that ran inline
  }
}

void LaunchQueue::Impl::wait_for_work() {
  if (look_for([this] { return ring.front() != nullptr; })) return;
  const int32_t seen = wake.load();
  sleeping.store(true, std::memory_order_seq_cst);
  if (!ring.front()) wake.wait(seen);
  sleeping.store(false, std::memory_order_seq_cst);
}

void LaunchQueue::Impl::run(const Record& record) noexcept {
  try {
    bind_device(owner.device());
    record.kind.run(record.payload(), {record.stream->handle(), launcher, *record.stream, record.activity});
    launcher.history.note(record.kind, *record.stream, record.where, record.payload(), record.payload_bytes);
  } catch (...) {
    if (has_error.load(std::memory_order_acquire)) return;  // the first one is the cause
    Failure f = current_failure();
    f.message += "\n  operation: " + describe_task(record.kind, record.payload(), *record.stream);
    std::lock_guard lock(error_mutex);
    error = std::move(f);
    error_where = record.where;
    has_error.store(true, std::memory_order_release);
  }
}

void LaunchQueue::Impl::finish(Ticket ticket) noexcept {
  done.store(ticket, std::memory_order_seq_cst);
  if (C10_LIKELY(ticket < wanted.load(std::memory_order_seq_cst))) return;
  std::lock_guard lock(done_mutex);
  wanted.store(kNobody);
  done_changed.notify_all();
}

bool LaunchQueue::Impl::wait(Ticket ticket, Clock::time_point deadline) noexcept {
  auto reached = [&] { return done.load(std::memory_order_seq_cst) >= ticket; };
  if (look_for(reached)) return true;
  std::unique_lock lock(done_mutex);
  for (;;) {
    if (wanted.load() > ticket) wanted.store(ticket, std::memory_order_seq_cst);
    if (reached()) return true;
    if (deadline == Clock::time_point::max())
      done_changed.wait(lock);
    else if (done_changed.wait_until(lock, deadline) == std::cv_status::timeout)
      return reached();
  }
}

LaunchQueue::LaunchQueue(DeviceIndex device) : device_(device), impl_(new Impl(*this)) {}

LaunchQueue& LaunchQueue::of(DeviceIndex device) {
  TORCH_CHECK_INDEX(device >= 0 && device < kMaxDevices, "npu:", static_cast<int>(device), " does not exist");
  auto& slot = slot_of(device);
  if (LaunchQueue* q = slot.load(std::memory_order_acquire); C10_LIKELY(q != nullptr)) return *q;
  check_open();
  bind_device(device);
  std::lock_guard lock(creation_mutex());
  if (!slot.load())
    slot.store(new LaunchQueue(device), std::memory_order_release);  // leaked: lives as its thread
  return *slot.load();
}

LaunchQueue* LaunchQueue::started(DeviceIndex device) noexcept {
  if (device < 0 || device >= kMaxDevices || in_bad_fork()) return nullptr;
  return slot_of(device).load(std::memory_order_acquire);
}

Ticket LaunchQueue::enqueue(const TaskKind& kind, const NPUStream& stream, const void* payload, size_t size) {
  return enqueue(kind, detail::stream_state(stream.unwrap()), payload, size);
}

Ticket LaunchQueue::enqueue(const TaskKind& kind, detail::StreamState& stream, const void* payload,
                            size_t size) {
  check_open();
  TORCH_CHECK(t_running != this, "'", kind.name,
              "' was enqueued by a task of the same launch queue, which would deadlock");
  const EnqueueScope activity(kind, device_, payload);
  Impl& q = *impl_;
  if (q.inline_mode.load(std::memory_order_relaxed)) {
    if (const Ticket ticket = q.run_inline(kind, stream, payload, size, activity.id)) return ticket;
  }

  const Location where = capture_location();
  std::unique_lock lock(q.mutex);
  Record* record = nullptr;
  for (;;) {
    while (C10_UNLIKELY(q.inline_mode.load(std::memory_order_relaxed))) {  // since a moment
      lock.unlock();
      if (const Ticket ticket = q.run_inline(kind, stream, payload, size, activity.id)) return ticket;
      lock.lock();
    }
    if (C10_UNLIKELY(!q.started)) q.start();
    // Under the mutex, which flush_for() takes: nothing is published after shutdown's flush.
    if (C10_UNLIKELY(closing())) {
      lock.unlock();
      refuse_after_shutdown();
    }
    // Read before reserve(): a full ring then holds a later ticket. Read after it, the ring may have drained
    // meanwhile, and this would wait for a ticket that nobody was given.
    const Ticket done = q.done.load();
    if (C10_LIKELY((record = q.ring.reserve(size)) != nullptr)) break;
    lock.unlock();
    q.wait(done + 1, Clock::time_point::max());
    lock.lock();
  }
  record->kind = kind;
  record->stream = &stream;
  record->where = where;
  record->activity = activity.id;
  std::memcpy(record->payload(), payload, size);
  const Ticket ticket = q.issued.load(std::memory_order_relaxed) + 1;
  q.issued.store(ticket, std::memory_order_release);
  stream.last_ticket.store(ticket, std::memory_order_release);
  q.ring.publish();
  lock.unlock();
  if (q.sleeping.load(std::memory_order_seq_cst) && q.sleeping.exchange(false)) {
    q.wake.fetch_add(1);
    q.wake.notify_one();
  }
  return ticket;
}

Ticket LaunchQueue::enqueue_named(const char* name, const NPUStream& stream, TaskRun run, const void* payload,
                                  size_t size) {
  return enqueue(TaskKind{name, run, nullptr}, stream, payload, size);
}

void LaunchQueue::flush() noexcept { flush(impl_->issued.load(std::memory_order_acquire)); }

void LaunchQueue::flush(Ticket ticket) noexcept {
  if (t_running == this || in_bad_fork()) return;
  impl_->wait(ticket, Clock::time_point::max());
}

bool LaunchQueue::flush_for(int milliseconds) noexcept {
  const auto deadline = Clock::now() + std::chrono::milliseconds(milliseconds);
  Ticket last;
  {
    std::lock_guard lock(impl_->mutex);  // an enqueue that began before us has its ticket
    last = impl_->issued.load();
  }
  return impl_->wait(last, deadline);
}

bool LaunchQueue::launched(Ticket ticket) const noexcept {
  return impl_->done.load(std::memory_order_acquire) >= ticket;
}

Failure LaunchQueue::take_error() noexcept {
  if (C10_LIKELY(!impl_->has_error.load(std::memory_order_acquire))) return {};
  Failure f;
  Location where;
  {
    std::lock_guard lock(impl_->error_mutex);
    f = std::exchange(impl_->error, {});
    where = impl_->error_where;
    impl_->has_error.store(false, std::memory_order_release);
  }
  if (f) f.message += explain_delay(where);
  return f;
}

}  // namespace npu
