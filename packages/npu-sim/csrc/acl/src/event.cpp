#include "npu_sim/event.h"

#include <climits>

#include "abi.h"
#include "npu_sim/ipc.h"

using namespace npu_sim;

namespace {

int event_of(aclrtEvent handle, std::shared_ptr<Event>* event) {
  return find_live(events(), handle, "event", event);
}

int create(aclrtEvent* out, uint32_t flags, bool reusable) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(out, "event"));
  NPU_SIM_TRY(enter(&context));
  constexpr uint32_t kKnown = ACL_EVENT_SYNC | ACL_EVENT_CAPTURE_STREAM_PROGRESS | ACL_EVENT_TIME_LINE |
                              ACL_EVENT_EXTERNAL | ACL_EVENT_IPC;
  if (flags == 0 || (flags & ~kKnown))
    return fail(flags ? ACL_ERROR_RT_FEATURE_NOT_SUPPORT : ACL_ERROR_RT_PARAM_INVALID,
                "the event flags must be of ACL_EVENT_SYNC, ACL_EVENT_CAPTURE_STREAM_PROGRESS and "
                "ACL_EVENT_TIME_LINE, found " +
                    std::to_string(flags));
  if ((flags & ACL_EVENT_IPC) && flags != ACL_EVENT_IPC && flags != (ACL_EVENT_IPC | ACL_EVENT_SYNC))
    return fail(ACL_ERROR_RT_PARAM_INVALID, "an event of several processes orders streams and nothing else");
  auto event = std::make_shared<Event>(flags, reusable);
  if (flags & ACL_EVENT_IPC) NPU_SIM_TRY(SharedPoint::create(&event->shared));
  *out = events().insert(std::move(event));
  return 0;
}

int require_single_use(const Event& event, const char* call) {
  if (!event.reusable || (event.flags & ACL_EVENT_EXTERNAL)) return 0;
  return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
              std::string(call) + " does not take an event of aclrtCreateEventExWithFlag");
}

// The time at which a recorded event was reached.
int timestamp(const Event& event, int64_t* ns) {
  if (!(event.flags & ACL_EVENT_TIME_LINE))
    return fail(ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID,
                "the event takes no time: create it with ACL_EVENT_TIME_LINE");
  NPU_SIM_TRY(event.refuse_captured("the time of an event"));
  auto mark = event.latest();
  if (!mark) return fail(ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID, "the event was not recorded");
  if (!mark->reached())
    return fail(ACL_ERROR_RT_EVENT_NOT_COMPLETE,
                "the event is not complete: call aclrtSynchronizeEvent first");
  *ns = mark->time_ns();
  return 0;
}

int wait_for(aclrtStream stream, aclrtEvent event, int timeout_ms) {
  std::shared_ptr<Event> e;
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(event_of(event, &e));
  NPU_SIM_TRY(stream_of(stream, &s));
  if (!(e->flags & (ACL_EVENT_SYNC | ACL_EVENT_EXTERNAL | ACL_EVENT_IPC)))
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "the event does not order streams: create it with ACL_EVENT_SYNC");
  return Event::make_wait(e, *s, timeout_ms);
}

}  // namespace

aclError aclrtCreateEventExWithFlag(aclrtEvent* event, uint32_t flag) { return create(event, flag, true); }

aclError aclrtCreateEventWithFlag(aclrtEvent* event, uint32_t flag) { return create(event, flag, false); }

aclError aclrtCreateEvent(aclrtEvent* event) {
  return create(event, ACL_EVENT_SYNC | ACL_EVENT_CAPTURE_STREAM_PROGRESS | ACL_EVENT_TIME_LINE, false);
}

aclError aclrtDestroyEvent(aclrtEvent event) {
  std::shared_ptr<Event> e;
  NPU_SIM_TRY(event_of(event, &e));
  events().remove(event);
  return ACL_SUCCESS;
}

aclError aclrtRecordEvent(aclrtEvent event, aclrtStream stream) {
  std::shared_ptr<Event> e;
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(event_of(event, &e));
  NPU_SIM_TRY(stream_of(stream, &s));
  return e->record(*s);
}

aclError aclrtResetEvent(aclrtEvent event, aclrtStream stream) {
  std::shared_ptr<Event> e;
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(event_of(event, &e));
  NPU_SIM_TRY(require_single_use(*e, "aclrtResetEvent"));
  NPU_SIM_TRY(stream_of(stream, &s));
  auto reset = [e] {
    e->reset();
    return 0;
  };
  return enqueue(*s, "aclrtResetEvent", reset, Engine::host);
}

aclError aclrtStreamWaitEvent(aclrtStream stream, aclrtEvent event) {
  return wait_for(stream, event, event_wait_timeout_ms.load());
}

aclError aclrtStreamWaitEventWithTimeout(aclrtStream stream, aclrtEvent event, int32_t timeout) {
  if (timeout < -1) return fail(ACL_ERROR_RT_PARAM_INVALID, "timeout must be milliseconds, or -1 for ever");
  return wait_for(stream, event, timeout);
}

aclError aclrtSetOpWaitTimeout(uint32_t timeout) {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_init());
  event_wait_timeout_ms.store(timeout == 0 || timeout > INT_MAX / 1000 ? -1
                                                                       : static_cast<int>(timeout * 1000));
  return ACL_SUCCESS;
}

aclError aclrtQueryEventStatus(aclrtEvent event, aclrtEventRecordedStatus* status) {
  std::shared_ptr<Event> e;
  NPU_SIM_TRY(require_pointer(status, "status"));
  NPU_SIM_TRY(event_of(event, &e));
  NPU_SIM_TRY(e->refuse_captured("aclrtQueryEventStatus"));
  bool complete =
      e->shared || e->latest() ? e->complete() : e->reusable;  // nothing recorded: nothing to wait for
  if (complete && watching())
    if (auto mark = e->latest()) mark->learn();
  *status = complete ? ACL_EVENT_RECORDED_STATUS_COMPLETE : ACL_EVENT_RECORDED_STATUS_NOT_READY;
  return ACL_SUCCESS;
}

aclError aclrtQueryEventWaitStatus(aclrtEvent event, aclrtEventWaitStatus* status) {
  std::shared_ptr<Event> e;
  NPU_SIM_TRY(require_pointer(status, "status"));
  NPU_SIM_TRY(event_of(event, &e));
  NPU_SIM_TRY(require_single_use(*e, "aclrtQueryEventWaitStatus"));
  *status = e->pending_waits.load() ? ACL_EVENT_WAIT_STATUS_NOT_READY : ACL_EVENT_WAIT_STATUS_COMPLETE;
  return ACL_SUCCESS;
}

aclError aclrtSynchronizeEventWithTimeout(aclrtEvent event, int32_t timeout) {
  std::shared_ptr<Event> e;
  NPU_SIM_TRY(event_of(event, &e));
  if (timeout < -1) return fail(ACL_ERROR_RT_PARAM_INVALID, "timeout must be milliseconds, or -1 for ever");
  return e->synchronize(timeout);
}

aclError aclrtSynchronizeEvent(aclrtEvent event) { return aclrtSynchronizeEventWithTimeout(event, -1); }

aclError aclrtEventElapsedTime(float* ms, aclrtEvent startEvent, aclrtEvent endEvent) {
  std::shared_ptr<Event> start, end;
  int64_t from = 0, to = 0;
  NPU_SIM_TRY(require_pointer(ms, "ms"));
  NPU_SIM_TRY(event_of(startEvent, &start));
  NPU_SIM_TRY(event_of(endEvent, &end));
  NPU_SIM_TRY(timestamp(*start, &from));
  NPU_SIM_TRY(timestamp(*end, &to));
  if (to < from)
    return fail(ACL_ERROR_RT_EVENT_TIMESTAMP_REVERSAL, "the end event was reached before the start event");
  *ms = static_cast<float>(static_cast<double>(to - from) * 1e-6);
  return ACL_SUCCESS;
}

// Microseconds.
aclError aclrtEventGetTimestamp(aclrtEvent event, uint64_t* microseconds) {
  std::shared_ptr<Event> e;
  int64_t ns = 0;
  NPU_SIM_TRY(require_pointer(microseconds, "timestamp"));
  NPU_SIM_TRY(event_of(event, &e));
  NPU_SIM_TRY(timestamp(*e, &ns));
  *microseconds = static_cast<uint64_t>(ns / 1000);
  return ACL_SUCCESS;
}
