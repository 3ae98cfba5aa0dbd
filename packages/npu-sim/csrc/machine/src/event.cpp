#include "npu_sim/event.h"

#include <algorithm>
#include <thread>

#include "npu_sim/capture.h"
#include "npu_sim/device.h"
#include "npu_sim/ipc.h"
#include "npu_sim/machine.h"
#include "watch.h"

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
  if (watching()) [[unlikely]] {
    if (watching() & kWatchCheck) known_ = check_release();
    if (const Stream* worker = worker_stream(); worker && (watching() & kWatchTiming))
      time_ns_ = timing_now(*worker);
  }
  {
    std::lock_guard lock(mutex_);
    reached_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

bool Mark::wait(Clock::time_point deadline, const Stream* waiter) {
  if (!await(deadline, waiter)) return false;
  if (watching()) [[unlikely]]
    learn();
  return true;
}

void Mark::learn() const {
  if (watching() & kWatchCheck) check_acquire(known_);
  if (const Stream* worker = worker_stream(); worker && (watching() & kWatchTiming))
    timing_wait(*worker, time_ns_);
}

bool Mark::await(Clock::time_point deadline, const Stream* waiter) {
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

std::shared_ptr<CapturePoint> Event::captured() const {
  std::shared_ptr<CapturePoint> point;
  {
    std::lock_guard lock(mutex_);
    point = captured_;
  }
  return point && capture_goes_on(*point) ? point : nullptr;
}

int Event::refuse_captured(const char* call) const {
  if (!captured()) return 0;
  return fail(ACL_ERROR_RT_EVENT_CAPTURED,
              std::string(call) + ": the event was recorded in a capture, which runs nothing");
}

// An external event is one for others than the graph: every execution records it anew.
int Event::capture_record(Stream& stream) {
  if (flags & ACL_EVENT_EXTERNAL) {
    auto make = [self = shared_from_this()](Stream& runs_on) -> Task {
      auto mark = std::make_shared<Mark>(runs_on.shared_from_this());
      {
        std::lock_guard lock(self->mutex_);
        self->latest_ = mark;
      }
      self->recorded_.notify_all();
      return [mark] {
        mark->reach();
        return 0;
      };
    };
    return capture_made(stream, "aclrtRecordEvent", std::move(make), Engine::host);
  }
  std::shared_ptr<CapturePoint> point;
  if (int code = npu_sim::capture_record(stream, &point)) return code;
  std::lock_guard lock(mutex_);
  captured_ = std::move(point);
  latest_ = nullptr;
  return 0;
}

bool Event::complete() const {
  if (shared) return shared->reached(shared->issued());
  auto mark = latest();
  return !mark || mark->reached();
}

int Event::record_shared(Stream& stream) {
  if (stream.diverted())
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "an event of several processes cannot be captured");
  // Under the lock: of two records in this process the later one in its stream has the greater number.
  std::lock_guard lock(mutex_);
  auto reach = [point = shared, number = shared->issue()] {
    point->reach(number);
    return 0;
  };
  return stream.enqueue("aclrtRecordEvent", reach, Engine::host, nullptr);
}

namespace {

// Other processes ring no bell here, so this looks again and again, less often the longer it takes.
bool wait_shared(const SharedPoint& point, uint64_t record, Clock::time_point deadline,
                 const Stream* waiter) {
  auto nap = std::chrono::microseconds(20);
  while (!point.reached(record)) {
    if (Clock::now() >= deadline || exiting.load() || (waiter && waiter->aborted())) return false;
    std::this_thread::sleep_for(nap);
    nap = std::min(nap * 2, std::chrono::microseconds(1000));
  }
  return true;
}

int make_shared_wait(const std::shared_ptr<Event>& event, Stream& waiter, int timeout_ms) {
  if (waiter.diverted())
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "an event of several processes cannot be captured");
  auto wait = [event, record = event->shared->issued(), timeout_ms]() -> int {
    const Stream* stream = worker_stream();
    if (wait_shared(*event->shared, record, deadline_after(timeout_ms), stream) || stream->aborted() ||
        exiting.load())
      return 0;
    return fail(ACL_ERROR_RT_EVENT_SYNC_TIMEOUT,
                "the event was not reached within " + std::to_string(timeout_ms) + " ms");
  };
  return waiter.enqueue("aclrtStreamWaitEvent", std::move(wait), Engine::host, nullptr);
}

}  // namespace

int Event::record(Stream& stream) {
  if (shared) return record_shared(stream);
  if (stream.diverted() && capturing(stream)) return capture_record(stream);
  auto mark = std::make_shared<Mark>(stream.shared_from_this());
  // Under the lock, so that of two records at once the one that is later in its stream stays.
  std::lock_guard lock(mutex_);
  auto reach = [mark] {
    mark->reach();
    return 0;
  };
  if (int code = stream.enqueue("aclrtRecordEvent", reach, Engine::host, nullptr)) return code;
  latest_ = std::move(mark);
  captured_ = nullptr;
  recorded_.notify_all();
  return 0;
}

int Event::make_wait(const std::shared_ptr<Event>& event, Stream& waiter, int timeout_ms) {
  if (event->shared) return make_shared_wait(event, waiter, timeout_ms);
  if (auto point = event->captured()) return capture_wait(waiter, *point);
  auto mark = event->latest();
  if (waiter.diverted() && capturing(waiter)) {
    if (event->flags & ACL_EVENT_EXTERNAL) {
      auto wait_external = [event, timeout_ms]() -> int {
        const Stream& runs_on = *worker_stream();
        if (event->wait_recorded(deadline_after(timeout_ms), runs_on) || runs_on.aborted() || exiting.load())
          return 0;
        return fail(ACL_ERROR_RT_EVENT_SYNC_TIMEOUT,
                    "the external event was not recorded within " + std::to_string(timeout_ms) + " ms");
      };
      return waiter.enqueue("aclrtStreamWaitEvent", std::move(wait_external), Engine::host, nullptr);
    }
    return mark ? capture_depends_outside(waiter) : 0;
  }
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

bool Event::wait_recorded(Clock::time_point deadline, const Stream& waiter) {
  std::unique_lock lock(mutex_);
  while (!latest_) {
    if (Clock::now() >= deadline || waiter.aborted() || exiting.load()) return false;
    recorded_.wait_until(lock, std::min(deadline, Clock::now() + kPoll));
  }
  auto mark = latest_;
  lock.unlock();
  return mark->wait(deadline, &waiter);
}

int Event::synchronize(int timeout_ms) {
  if (int code = refuse_captured("aclrtSynchronizeEvent")) return code;
  if (shared) {
    if (wait_shared(*shared, shared->issued(), deadline_after(timeout_ms), nullptr)) return 0;
    return fail(ACL_ERROR_RT_EVENT_SYNC_TIMEOUT,
                "the event was not reached within " + std::to_string(timeout_ms) + " ms");
  }
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
