// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/NPUEvent.h"

#include <c10/util/Exception.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "npu/core/error.h"
#include "npu/core/launch_queue.h"

namespace npu {
namespace detail {

// Shared by the NPUEvent and every queued record and wait; the last one out gives the aclrtEvent back.
struct EventState {
  EventState(DeviceIndex d, EventKind k) : device(d), kind(k) {}

  const DeviceIndex device;
  const EventKind kind;
  bool foreign = false;  // made and recorded by another process
  std::atomic<int> users{1};
  std::atomic<Ticket> recorded{0};  // ticket of the last record, in `device`'s queue
  // Created by the first record that is launched; others read it after that ticket was launched.
  std::atomic<aclrtEvent> native{nullptr};
  std::atomic<bool> marked{false};  // whether the last record that was launched reached the stream

  bool pooled() const { return kind == EventKind::kPlain || kind == EventKind::kTiming; }
  void create();
};

}  // namespace detail

using detail::EventState;

namespace {

constexpr size_t kPooled = 256;

// Events for reuse: creating one costs more than recording it. A pooled event may still be pending on the
// device; to record it anew is allowed, and waits that were launched before keep the old record.
struct EventPool {
  std::mutex mutex;
  std::vector<aclrtEvent> free[2];  // without and with timing
};

EventPool& pool_of(DeviceIndex device) {
  static auto* pools = new EventPool[kMaxDevices];  // leaked: events are given back until the very end
  return pools[device];
}

void give_back(const EventState& state) noexcept {
  aclrtEvent event = state.native.load(std::memory_order_acquire);
  if (!event || !cann_usable()) return;
  {
    EventPool& pool = pool_of(state.device);
    std::lock_guard lock(pool.mutex);
    auto& free = pool.free[state.kind == EventKind::kTiming];
    if (state.pooled() && free.size() < kPooled) {
      free.push_back(event);
      return;
    }
  }
  NPU_CHECK_WARN(cann().aclrtDestroyEvent(event));
}

void retain(EventState* state) noexcept { state->users.fetch_add(1, std::memory_order_relaxed); }

void unref(EventState* state) noexcept {
  if (!state || state->users.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  give_back(*state);
  delete state;
}

// A queued task's share of the event.
struct Share {
  EventState* state;
  ~Share() { unref(state); }
};

struct RecordTask {
  EventState* state;
  static void run(const void* payload, const TaskContext& context) {
    Share share{static_cast<const RecordTask*>(payload)->state};
    share.state->marked.store(false);
    share.state->create();
    NPU_CHECK(cann().aclrtRecordEvent(share.state->native.load(), context.stream));
    share.state->marked.store(true);
  }
};

struct WaitTask {
  EventState* state;
  Ticket ticket;
  static void run(const void* payload, const TaskContext& context) {
    const auto& task = *static_cast<const WaitTask*>(payload);
    Share share{task.state};
    // Of another device's queue this waits until the record was launched; of its own it was, in order.
    if (LaunchQueue* queue = LaunchQueue::started(task.state->device)) queue->flush(task.ticket);
    // An external one is waited for before it is recorded: in a capture that comes first.
    if (task.state->kind == EventKind::kExternal) task.state->create();
    aclrtEvent event = task.state->native.load(std::memory_order_acquire);
    if (event)
      NPU_CHECK(cann().aclrtStreamWaitEvent(context.stream, event));  // null: its record failed and said so
  }
};

struct ResetTask {
  EventState* state;
  static void run(const void* payload, const TaskContext& context) {
    Share share{static_cast<const ResetTask*>(payload)->state};
    if (aclrtEvent event = share.state->native.load())
      NPU_CHECK(cann().aclrtResetEvent(event, context.stream));
  }
};

constexpr TaskKind kReset{"event reset", &ResetTask::run};
constexpr TaskKind kRecord{"event record", &RecordTask::run};
constexpr TaskKind kWait{"event wait", &WaitTask::run};

}  // namespace

namespace {
// By EventKind.
constexpr uint32_t kFlags[] = {ACL_EVENT_SYNC, ACL_EVENT_SYNC | ACL_EVENT_TIME_LINE, ACL_EVENT_IPC,
                               ACL_EVENT_SYNC | ACL_EVENT_EXTERNAL};
}  // namespace

void EventState::create() {
  if (native.load(std::memory_order_relaxed)) return;
  aclrtEvent event = nullptr;
  if (pooled()) {
    EventPool& pool = pool_of(device);
    std::lock_guard lock(pool.mutex);
    auto& free = pool.free[kind == EventKind::kTiming];
    if (!free.empty()) {
      event = free.back();
      free.pop_back();
    }
  }
  if (!event) {
    NPU_CHECK(cann().aclrtCreateEventExWithFlag(&event, kFlags[static_cast<size_t>(kind)]));
  }
  native.store(event, std::memory_order_release);
}

NPUEvent::~NPUEvent() { unref(state_); }

NPUEvent::NPUEvent(NPUEvent&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)), kind_(other.kind_) {}

NPUEvent& NPUEvent::operator=(NPUEvent&& other) noexcept {
  std::swap(state_, other.state_);
  kind_ = other.kind_;
  return *this;
}

DeviceIndex NPUEvent::device_index() const noexcept { return state_ ? state_->device : DeviceIndex{-1}; }

aclrtEvent NPUEvent::event() {
  if (!state_) state_ = new EventState(current_device(), kind_);
  if (LaunchQueue* queue = LaunchQueue::started(state_->device)) queue->flush(state_->recorded.load());
  bind_device(state_->device);
  state_->create();
  return state_->native.load();
}

NPUEvent NPUEvent::open(DeviceIndex device, const std::string& handle) {
  aclrtIpcEventHandle native{};
  TORCH_CHECK_VALUE(handle.size() == sizeof native, "the handle of an npu event has ", sizeof native,
                    " bytes, found ", handle.size());
  std::memcpy(&native, handle.data(), sizeof native);
  init();
  bind_device(device);
  aclrtEvent event = nullptr;
  NPU_CHECK(cann().aclrtIpcOpenEventHandle(native, &event));
  NPUEvent opened(EventKind::kInterprocess);
  opened.state_ = new EventState(device, EventKind::kInterprocess);
  opened.state_->foreign = true;
  opened.state_->native.store(event, std::memory_order_release);
  return opened;
}

std::string NPUEvent::ipc_handle() {
  TORCH_CHECK_VALUE(kind_ == EventKind::kInterprocess,
                    "the event must be created with argument 'interprocess=True'");
  TORCH_CHECK_VALUE(!state_ || !state_->foreign,
                    "the event is another process's: only that one gives its handle");
  aclrtIpcEventHandle native{};
  NPU_CHECK(cann().aclrtIpcGetEventHandle(event(), &native));
  return {reinterpret_cast<const char*>(&native), sizeof native};
}

bool NPUEvent::awaited(Ticket* ticket) const noexcept {
  *ticket = state_ ? state_->recorded.load(std::memory_order_acquire) : 0;
  return *ticket || (state_ && state_->foreign);
}

void NPUEvent::record(const NPUStream& stream) {
  if (!state_) state_ = new EventState(stream.device_index(), kind_);
  TORCH_CHECK(state_->device == stream.device_index(), "Event device npu:", static_cast<int>(state_->device),
              " does not match recording stream's device npu:", static_cast<int>(stream.device_index()), ".");
  LaunchQueue& queue = LaunchQueue::of(stream.device_index());
  retain(state_);  // given back by the task; an enqueue that is refused (shutdown) leaves it behind
  const RecordTask task{state_};
  const Ticket ticket = queue.enqueue(kRecord, stream, &task, sizeof task);
  state_->recorded.store(ticket, std::memory_order_release);
  // Another process knows nothing of our queue: whoever is told of the record after this call must find it.
  if (kind_ == EventKind::kInterprocess) queue.flush(ticket);
}

void NPUEvent::reset(const NPUStream& stream) {
  TORCH_CHECK_VALUE(kind_ == EventKind::kExternal, "only an external event is reset");
  event();  // made by now
  retain(state_);
  const ResetTask task{state_};
  LaunchQueue::of(stream.device_index()).enqueue(kReset, stream, &task, sizeof task);
}

void NPUEvent::block(const NPUStream& stream) const {
  Ticket ticket = 0;
  if (!awaited(&ticket) && !(state_ && kind_ == EventKind::kExternal)) return;
  retain(state_);
  const WaitTask task{state_, ticket};
  LaunchQueue& queue = LaunchQueue::of(stream.device_index());
  const Ticket wait = queue.enqueue(kWait, stream, &task, sizeof task);
  // And a later record of another process is not the one that is waited for here.
  if (kind_ == EventKind::kInterprocess) queue.flush(wait);
}

bool NPUEvent::query() const {
  Ticket ticket = 0;
  if (!awaited(&ticket)) return true;
  LaunchQueue* queue = LaunchQueue::started(state_->device);
  if (queue && !queue->launched(ticket)) return false;
  aclrtEvent event = state_->native.load(std::memory_order_acquire);
  if (!event) return true;  // the record failed; the next synchronisation says so
  bind_device(state_->device);
  aclrtEventRecordedStatus status = ACL_EVENT_RECORDED_STATUS_NOT_READY;
  NPU_CHECK(cann().aclrtQueryEventStatus(event, &status));
  return status == ACL_EVENT_RECORDED_STATUS_COMPLETE;
}

bool NPUEvent::lost() const {
  const Ticket ticket = state_ ? state_->recorded.load(std::memory_order_acquire) : 0;
  LaunchQueue* queue = ticket ? LaunchQueue::started(state_->device) : nullptr;
  return queue && queue->launched(ticket) && !state_->marked.load();
}

void NPUEvent::synchronize() const {
  Ticket ticket = 0;
  if (!awaited(&ticket)) return;
  LaunchQueue* queue = LaunchQueue::started(state_->device);
  if (queue) queue->flush(ticket);
  bind_device(state_->device);
  aclrtEvent event = state_->native.load(std::memory_order_acquire);
  raise_after_wait(state_->device, "aclrtSynchronizeEvent", event ? cann().aclrtSynchronizeEvent(event) : 0);
}

double NPUEvent::elapsed_time(const NPUEvent& end) const {
  TORCH_CHECK_VALUE(timing() && end.timing(),
                    "Both events must be created with argument 'enable_timing=True'.");
  TORCH_CHECK_VALUE(state_ && end.state_ && state_->recorded.load() && end.state_->recorded.load(),
                    "Both events must be recorded before calculating elapsed time.");
  TORCH_CHECK_VALUE(
      query() && end.query(),
      "Both events must be completed before calculating elapsed time: call synchronize() first.");
  TORCH_CHECK_VALUE(
      !lost() && !end.lost(),
      "One of the events was not recorded: its record failed, which a synchronising call tells. "
      "Record both again before calculating elapsed time.");
  TORCH_CHECK_VALUE(state_->device == end.state_->device,
                    "Events of different devices have no common clock: npu:",
                    static_cast<int>(state_->device), " and npu:", static_cast<int>(end.state_->device), ".");
  bind_device(state_->device);
  float ms = 0;
  const aclrtEvent first = state_->native.load();
  const aclrtEvent second = end.state_->native.load();
  const int code = cann().aclrtEventElapsedTime(&ms, first, second);
  if (code == ACL_ERROR_RT_EVENT_TIMESTAMP_REVERSAL) {  // negative time, which torch knows and CANN does not
    NPU_CHECK(cann().aclrtEventElapsedTime(&ms, second, first));
    return -ms;
  }
  if (code != 0)
    raise_cann("aclrtEventElapsedTime", code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
  return ms;
}

}  // namespace npu
