#include "npu_sim/event.h"

#include "npu_sim/device.h"
#include "npu_sim/machine.h"

namespace npu_sim {
namespace {
// How often a blocked worker looks whether its stream was aborted or the process is exiting.
constexpr auto kPoll = std::chrono::milliseconds(20);
}  // namespace

std::atomic<int> event_wait_timeout_ms{-1};

HandleTable<Event>& events() {
  static auto* table = new HandleTable<Event>(3);
  return *table;
}

void Mark::reach() {
  time_ns_ = std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
  {
    std::lock_guard lock(mutex_);
    reached_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

bool Mark::wait(Clock::time_point deadline, const Stream* waiter) {
  if (reached()) return true;
  std::unique_lock lock(mutex_);
  while (!reached()) {
    if (Clock::now() >= deadline) return false;
    if (waiter && (waiter->aborted() || exiting.load())) return false;
    auto next = Clock::now() + kPoll;
    changed_.wait_until(lock, std::min(next, deadline));
  }
  return true;
}

std::shared_ptr<Mark> Event::latest() const {
  std::lock_guard lock(mutex_);
  return latest_;
}

int Event::record(Stream& stream) {
  auto mark = std::make_shared<Mark>(stream.shared_from_this());
  // Under the lock, so that of two records at once the one that is later in its stream stays.
  std::lock_guard lock(mutex_);
  auto reach = [mark] {
    mark->reach();
    return 0;
  };
  if (int code = stream.enqueue("aclrtRecordEvent", reach, Engine::host, nullptr)) return code;
  latest_ = std::move(mark);
  return 0;
}

int Event::make_wait(const std::shared_ptr<Event>& event, Stream& waiter, int timeout_ms) {
  auto mark = event->latest();
  if (!mark || mark->stream.get() == &waiter) return 0;  // nothing recorded, or ordered already
  ++event->pending_waits;
  auto wait = [event, mark, timeout_ms, stream = &waiter]() -> int {
    bool reached = mark->wait(deadline_after(timeout_ms), stream);
    --event->pending_waits;
    if (reached || stream->aborted() || exiting.load()) return 0;
    return fail(ACL_ERROR_RT_EVENT_SYNC_TIMEOUT,
                "the event was not reached within " + std::to_string(timeout_ms) + " ms");
  };
  int code = waiter.enqueue("aclrtStreamWaitEvent", std::move(wait), Engine::host, nullptr);
  if (code) --event->pending_waits;
  return code;
}

int Event::synchronize(int timeout_ms) {
  auto mark = latest();
  if (!mark) return 0;
  if (mark->stream->on_worker() && !mark->reached())
    return fail(ACL_ERROR_RT_STREAM_NOT_SUPPORT_OPERA,
                "a callback of a stream must not wait for an event of that stream: it would wait for itself");
  if (!mark->wait(deadline_after(timeout_ms), nullptr))
    return fail(ACL_ERROR_RT_EVENT_SYNC_TIMEOUT,
                "the event was not reached within " + std::to_string(timeout_ms) + " ms");
  if (int fault = mark->stream->device.fault()) return fail(fault, mark->stream->device.fault_message());
  return 0;
}

void Event::reset() {
  std::lock_guard lock(mutex_);
  latest_ = nullptr;
}

}  // namespace npu_sim
