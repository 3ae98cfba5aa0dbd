#include "recorder.h"

#include <unistd.h>

#include <cstring>

#include "buffers.h"
#include "callbacks.h"
#include "domains.h"
#include "npu_sim/activity.h"
#include "npu_sim/stream.h"

namespace npu_sim::mspti {
namespace {

bool wanted(msptiActivityKind kind) { return Recorder::instance().enabled(kind); }

template <class Record>
void append(const Record& record) {
  Buffers::instance().append(&record, sizeof record);
}

uint32_t device_of(const TaskActivity& task) { return static_cast<uint32_t>(task.device); }

uint32_t stream_of(const TaskActivity& task) {
  return task.stream < 0 ? MSPTI_INVALID_STREAM_ID : static_cast<uint32_t>(task.stream);
}

bool starts_with(const char* name, const char* prefix) {
  return std::strncmp(name, prefix, std::strlen(prefix)) == 0;
}

void add_kernel(const TaskActivity& task) {
  // A device's kernel has the operator's name, not that of the function which launched it.
  const char* name = starts_with(task.name, "aclnn") ? task.name + 5 : task.name;
  append(msptiActivityKernel{MSPTI_ACTIVITY_KIND_KERNEL,
                             static_cast<uint64_t>(task.begin_ns),
                             static_cast<uint64_t>(task.end_ns),
                             {device_of(task), stream_of(task)},
                             task.correlation,
                             "KERNEL_AICORE",
                             name});
}

msptiActivityMemcpyKind copy_kind(int32_t kind) {
  switch (kind) {
    case ACL_MEMCPY_HOST_TO_HOST:
      return MSPTI_ACTIVITY_MEMCPY_KIND_HTOH;
    case ACL_MEMCPY_HOST_TO_DEVICE:
    case ACL_MEMCPY_HOST_TO_BUF_TO_DEVICE:
      return MSPTI_ACTIVITY_MEMCPY_KIND_HTOD;
    case ACL_MEMCPY_DEVICE_TO_HOST:
      return MSPTI_ACTIVITY_MEMCPY_KIND_DTOH;
    case ACL_MEMCPY_DEVICE_TO_DEVICE:
    case ACL_MEMCPY_INNER_DEVICE_TO_DEVICE:
    case ACL_MEMCPY_INTER_DEVICE_TO_DEVICE:
      return MSPTI_ACTIVITY_MEMCPY_KIND_DTOD;
    case ACL_MEMCPY_DEFAULT:
      return MSPTI_ACTIVITY_MEMCPY_KIND_DEFAULT;
    default:
      return MSPTI_ACTIVITY_MEMCPY_KIND_UNKNOWN;
  }
}

void add_memcpy(const TaskActivity& task) {
  append(msptiActivityMemcpy{MSPTI_ACTIVITY_KIND_MEMCPY, copy_kind(task.facts.kind), task.facts.count,
                             static_cast<uint64_t>(task.begin_ns), static_cast<uint64_t>(task.end_ns),
                             device_of(task), stream_of(task), task.correlation, task.facts.async});
}

void add_memset(const TaskActivity& task) {
  append(msptiActivityMemset{MSPTI_ACTIVITY_KIND_MEMSET, task.facts.value, task.facts.count,
                             static_cast<uint64_t>(task.begin_ns), static_cast<uint64_t>(task.end_ns),
                             device_of(task), stream_of(task), task.correlation, task.facts.async});
}

void add_collective(const TaskActivity& task) {
  const char* group = task.facts.group ? task.facts.group : "";
  const auto begin = static_cast<uint64_t>(task.begin_ns), end = static_cast<uint64_t>(task.end_ns);
  if (wanted(MSPTI_ACTIVITY_KIND_COMMUNICATION))
    append(msptiActivityCommunication{MSPTI_ACTIVITY_KIND_COMMUNICATION,
                                      task.facts.count
                                          ? static_cast<msptiCommunicationDataType>(task.facts.kind)
                                          : MSPTI_ACTIVITY_COMMUNICATION_INVALID_TYPE,
                                      task.facts.count,
                                      {device_of(task), stream_of(task)},
                                      begin,
                                      end,
                                      "",
                                      task.name,
                                      group,
                                      task.correlation});
  if (wanted(MSPTI_ACTIVITY_KIND_HCCL))
    append(msptiActivityHccl{
        MSPTI_ACTIVITY_KIND_HCCL, begin, end, {device_of(task), stream_of(task)}, 0.0, task.name, group});
}

void task_ran(const TaskActivity& task) {
  if (starts_with(task.name, "Hccl")) return add_collective(task);
  if (task.engine == Engine::compute && wanted(MSPTI_ACTIVITY_KIND_KERNEL)) return add_kernel(task);
  if (task.engine != Engine::copy) return;
  if (starts_with(task.name, "aclrtMemcpy") && wanted(MSPTI_ACTIVITY_KIND_MEMCPY)) return add_memcpy(task);
  if (starts_with(task.name, "aclrtMemset") && wanted(MSPTI_ACTIVITY_KIND_MEMSET)) return add_memset(task);
}

void call_entered(const char* name, uint64_t correlation) { call_back(MSPTI_API_ENTER, name, correlation); }

void call_left(const char* name, uint64_t correlation, int64_t begin_ns, int64_t end_ns) {
  call_back(MSPTI_API_EXIT, name, correlation);
  const bool runtime = starts_with(name, "aclrt");
  bool external = wanted(MSPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION);
  for (msptiActivityKind kind :
       {MSPTI_ACTIVITY_KIND_API, runtime ? MSPTI_ACTIVITY_KIND_RUNTIME_API : MSPTI_ACTIVITY_KIND_ACL_API}) {
    if (!wanted(kind)) continue;
    // The external ids of a call come before its first record.
    if (std::exchange(external, false)) append_external(correlation);
    append(msptiActivityApi{kind,
                            static_cast<uint64_t>(begin_ns),
                            static_cast<uint64_t>(end_ns),
                            {static_cast<uint32_t>(getpid()), static_cast<uint32_t>(gettid())},
                            correlation,
                            name});
  }
}

msptiActivityFlag flag_of(const MarkActivity& mark) {
  switch (mark.phase) {
    case MarkActivity::Phase::start:
      return mark.on_stream ? MSPTI_ACTIVITY_FLAG_MARKER_START_WITH_DEVICE : MSPTI_ACTIVITY_FLAG_MARKER_START;
    case MarkActivity::Phase::end:
      return mark.on_stream ? MSPTI_ACTIVITY_FLAG_MARKER_END_WITH_DEVICE : MSPTI_ACTIVITY_FLAG_MARKER_END;
    default:
      return mark.on_stream ? MSPTI_ACTIVITY_FLAG_MARKER_INSTANTANEOUS_WITH_DEVICE
                            : MSPTI_ACTIVITY_FLAG_MARKER_INSTANTANEOUS;
  }
}

void marked(const MarkActivity& mark) {
  if (!wanted(MSPTI_ACTIVITY_KIND_MARKER) || !domain_enabled(mark.domain)) return;
  const bool host = mark.stream < 0;
  msptiActivityMarker record{MSPTI_ACTIVITY_KIND_MARKER,
                             flag_of(mark),
                             host ? MSPTI_ACTIVITY_SOURCE_KIND_HOST : MSPTI_ACTIVITY_SOURCE_KIND_DEVICE,
                             static_cast<uint64_t>(mark.time_ns),
                             mark.id,
                             {},
                             mark.name,
                             mark.domain};
  if (host)
    record.objectId.pt = {static_cast<uint32_t>(getpid()), static_cast<uint32_t>(gettid())};
  else
    record.objectId.ds = {static_cast<uint32_t>(mark.device), static_cast<uint32_t>(mark.stream)};
  append(record);
}

constexpr ActivityObserver kObserver{&call_entered, &call_left, &task_ran, &marked};

}  // namespace

Recorder& Recorder::instance() {
  static Recorder recorder;
  return recorder;
}

void Recorder::enable(msptiActivityKind kind, bool on) {
  if (on)
    kinds_.fetch_or(1u << kind);
  else
    kinds_.fetch_and(~(1u << kind));
  update();
}

void Recorder::subscribe(bool on) {
  subscribed_.store(on);
  update();
}

void Recorder::watch_calls(bool on) {
  watched_.store(on);
  update();
}

void Recorder::reset() {
  kinds_.store(0);
  watched_.store(false);
  subscribe(false);
}

void Recorder::update() {
  const bool on = subscribed_.load() && (kinds_.load() || watched_.load());
  observe_activity(&kObserver, on);
}

}  // namespace npu_sim::mspti
