// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/launch_queue.h"

#include <c10/util/Exception.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <mutex>
#include <thread>

#include "activity.h"
#include "launch_history.h"
#include "launcher.h"
#include "npu/core/env.h"
#include "npu/core/error.h"
#include "process.h"
#include "ring.h"
#include "streams.h"

namespace npu {
namespace {

constexpr size_t kRingBytes = size_t{1} << 21;
// How often either side looks again before it sleeps: about ten microseconds, the time of one launch. Each
// look yields, so that on a machine with few cores the one waited for can run.
constexpr int kLooks = 64;
constexpr Ticket kNobody = std::numeric_limits<Ticket>::max();

using Clock = std::chrono::steady_clock;

// The queue whose task this thread is running.
thread_local const LaunchQueue* t_running = nullptr;

std::array<std::atomic<LaunchQueue*>, kMaxDevices> g_queues{};
std::atomic<LaunchQueue*>& slot_of(DeviceIndex device) {
  return g_queues[static_cast<unsigned char>(device)];
}

std::mutex& creation_mutex() {
  static std::mutex* m = new std::mutex;
  return *m;
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
  Ticket run_inline(const TaskKind& kind, detail::StreamState& stream, const void* payload, size_t size,
                    uint64_t activity);
};

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

Ticket LaunchQueue::Impl::run_inline(const TaskKind& kind, detail::StreamState& stream, const void* payload,
                                     size_t size, uint64_t activity) {
  std::unique_lock lock(inline_mutex);
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
  try {
    bind_device(owner.device());
    aclrtStream native = stream.handle();
    kind.run(payload, {native, launcher, stream, activity});
    launcher.history.note(kind, stream, capture_location(), payload, size);
    if (env().launch_blocking) NPU_CHECK(cann().aclrtSynchronizeStream(native));
  } catch (...) {
    Failure f = current_failure();
    f.message += "\n  operation: " + describe_task(kind, payload, stream);
    end();
    raise_failure(f);
  }
  end();
  return ticket;
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
  if (q.inline_mode.load(std::memory_order_relaxed))
    return q.run_inline(kind, stream, payload, size, activity.id);

  const Location where = capture_location();
  std::unique_lock lock(q.mutex);
  if (C10_UNLIKELY(q.inline_mode.load(std::memory_order_relaxed))) {  // since a moment
    lock.unlock();
    return q.run_inline(kind, stream, payload, size, activity.id);
  }
  if (C10_UNLIKELY(!q.started)) q.start();
  Record* record = nullptr;
  for (;;) {
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

void LaunchQueue::flush() noexcept { flush(impl_->issued.load(std::memory_order_acquire)); }

void LaunchQueue::flush(Ticket ticket) noexcept {
  if (t_running == this || in_bad_fork()) return;
  impl_->wait(ticket, Clock::time_point::max());
}

void LaunchQueue::set_inline(bool inline_mode) {
  Impl& q = *impl_;
  std::scoped_lock lock(q.inline_mutex, q.mutex);  // a launch that runs inline ends before the queue is used
  q.inline_mode.store(inline_mode, std::memory_order_relaxed);
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

void LaunchQueue::raise_error() {
  if (Failure f = take_error()) raise_failure(f);
}

size_t LaunchQueue::release_workspaces() {
  struct Task {
    size_t* freed;
  };
  static constexpr TaskKind kind{
      "release of workspaces", [](const void* payload, const TaskContext& context) {
        *static_cast<const Task*>(payload)->freed = context.launcher.release_workspaces();
      }};
  size_t freed = 0;
  const Task task{&freed};
  flush(enqueue(kind, detail::stream_state(getDefaultNPUStream(device_)), &task, sizeof task));
  return freed;
}

std::vector<Launched> LaunchQueue::suspects(std::string_view message) noexcept {
  struct Task {
    std::string_view message;
    std::vector<Launched>* found;
  };
  static constexpr TaskKind kind{"look into the launch history",
                                 [](const void* payload, const TaskContext& context) {
                                   const auto* task = static_cast<const Task*>(payload);
                                   *task->found = context.launcher.history.suspects(task->message);
                                 }};
  std::vector<Launched> found;
  try {
    const Task task{message, &found};
    flush(enqueue(kind, detail::stream_state(getDefaultNPUStream(device_)), &task, sizeof task));
  } catch (...) {
    // The device's error is the one to tell.
  }
  return found;
}

void raise_after_wait(DeviceIndex device, const char* call, int code) {
  LaunchQueue* queue = LaunchQueue::started(device);
  if (queue) queue->raise_error();
  if (C10_LIKELY(code == 0)) return;
  std::string message =
      error_message(call, code);  // first of all: CANN keeps it for this thread's next call only
  if (queue) message += explain_suspects(queue->suspects(message));
  throw c10::AcceleratorError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, code, message);
}

void synchronize_stream(const NPUStream& stream) {
  const DeviceIndex device = stream.device_index();
  detail::StreamState& state = detail::stream_state(stream.unwrap());
  LaunchQueue* queue = LaunchQueue::started(device);
  if (queue) queue->flush(state.last_ticket.load(std::memory_order_acquire));
  bind_device(device);
  raise_after_wait(device, "aclrtSynchronizeStream", cann().aclrtSynchronizeStream(state.handle()));
}

void flush_all() noexcept {
  for (DeviceIndex d = 0; d < kMaxDevices; ++d)
    if (LaunchQueue* queue = LaunchQueue::started(d)) queue->flush();
}

}  // namespace npu
