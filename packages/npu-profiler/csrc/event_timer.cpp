// SPDX-License-Identifier: BSD-3-Clause
#include "event_timer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "npu/cann/acl.h"
#include "npu/core/launch.h"

namespace npu::profiler {
namespace {

// Pairs of a stream that wait for the device. A device has some tens of thousands of events, for everyone.
constexpr size_t kMostPairs = 1024;
constexpr int kAnchorTries = 2;

template <class F>
F* symbol(const char* name) {
  return reinterpret_cast<F*>(core().cann_symbol("libascendcl.so", name));
}
#define NPU_ACL(name)                                                   \
  ([]() -> decltype(::name)* {                                          \
    static decltype(::name)* const f = symbol<decltype(::name)>(#name); \
    return f;                                                           \
  }())

const char* copy_name(int32_t kind) {
  switch (kind) {
    case ACL_MEMCPY_HOST_TO_DEVICE:
      return "Memcpy HtoD";
    case ACL_MEMCPY_DEVICE_TO_HOST:
      return "Memcpy DtoH";
    case ACL_MEMCPY_DEVICE_TO_DEVICE:
      return "Memcpy DtoD";
    default:
      return "Memcpy";
  }
}

bool is_copy(const npu_activity& what) {
  return what.kind == NPU_ACTIVITY_COPY || what.kind == NPU_ACTIVITY_FILL;
}

}  // namespace

Span EventTimer::named(const Launch& launch) {
  Span span;
  span.launch = launch.id;
  span.device = launch.what.device;
  span.nbytes = launch.what.nbytes;
  if (launch.what.kind == NPU_ACTIVITY_COPY) {
    span.kind = Span::Kind::copy;
    span.name = copy_name(launch.what.copy_kind);
  } else if (launch.what.kind == NPU_ACTIVITY_FILL) {
    span.kind = Span::Kind::fill;
    span.name = "Memset";
  } else {
    span.name = launch.what.name;
  }
  return span;
}

Span EventTimer::host_span(const Launch& launch) {
  Span span = named(launch);
  span.name += " (blocking)";
  span.stream = -1;
  span.begin_ns = launch.launch_begin;
  span.end_ns = launch.launch_end;
  return span;
}

void EventTimer::ok(int code) {
  if (code != 0) complete_ = false;
}

aclrtEvent EventTimer::take_event(int32_t device) {
  auto& free = free_[device];
  if (!free.empty()) {
    aclrtEvent event = free.back();
    free.pop_back();
    return event;
  }
  aclrtEvent event = nullptr;
  ok(NPU_ACL(aclrtCreateEventExWithFlag)(&event, ACL_EVENT_SYNC | ACL_EVENT_TIME_LINE));
  return event;
}

EventTimer::Track& EventTimer::track(aclrtStream stream, int32_t device) {
  auto [it, fresh] = tracks_.try_emplace(stream);
  Track& track = it->second;
  if (!fresh) return track;
  track.device = device;
  int32_t number = 0;
  auto* get_id = NPU_ACL(aclrtStreamGetId);
  track.number = get_id && get_id(stream, &number) == 0 ? number : static_cast<int64_t>(tracks_.size());
  anchor(track, stream);
  return track;
}

// The first record waits for earlier work, so that the next ones are reached at once.
void EventTimer::anchor(Track& track, aclrtStream stream) {
  for (int i = 0; i < kAnchorTries; ++i) {
    aclrtEvent event = take_event(track.device);
    if (!event) return;
    if (track.last) free_[track.device].push_back(track.last);
    track.last = event;
    track.epoch_ns = static_cast<double>(now_ns());
    ok(NPU_ACL(aclrtRecordEvent)(event, stream));
    ok(NPU_ACL(aclrtSynchronizeEvent)(event));
  }
}

void EventTimer::begin(uint64_t id, aclrtStream stream, const npu_activity& what) {
  if (!stream || (copies_only_ && !is_copy(what))) return;
  std::lock_guard lock(mutex_);
  Track& t = track(stream, what.device);
  if (t.pairs.size() >= kMostPairs)
    for (size_t i = 0; i < kMostPairs / 2; ++i) time_oldest(t);
  aclrtEvent event = t.last ? take_event(what.device) : nullptr;
  if (!event) return;
  const int64_t now = now_ns();
  ok(NPU_ACL(aclrtRecordEvent)(event, stream));
  open_[id] = {event, now};
}

void EventTimer::end(uint64_t id, aclrtStream stream) {
  std::lock_guard lock(mutex_);
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  Track& t = tracks_.at(stream);
  aclrtEvent event = take_event(t.device);
  if (event) {
    ok(NPU_ACL(aclrtRecordEvent)(event, stream));
    t.pairs.push_back({id, found->second.event, event, found->second.recorded_ns});
  }
  open_.erase(found);
}

void EventTimer::time_oldest(Track& t) {
  const Pair pair = t.pairs.front();
  t.pairs.pop_front();
  float gap_ms = 0, took_ms = 0;
  int code = NPU_ACL(aclrtSynchronizeEvent)(pair.end);
  if (!code) code = NPU_ACL(aclrtEventElapsedTime)(&gap_ms, t.last, pair.begin);
  if (!code) code = NPU_ACL(aclrtEventElapsedTime)(&took_ms, pair.begin, pair.end);
  ok(code);
  auto& free = free_[t.device];
  free.push_back(pair.begin);
  if (code) {
    free.push_back(pair.end);
    return;
  }
  const double begin = t.last_ns + static_cast<double>(gap_ms) * 1e6;
  const double end = begin + static_cast<double>(took_ms) * 1e6;
  Span span;
  span.launch = pair.launch;
  span.device = t.device;
  span.stream = t.number;
  span.begin_ns = std::llround(begin);
  span.end_ns = std::llround(end);
  t.spans.push_back(std::move(span));
  t.epoch_ns = std::max(t.epoch_ns, static_cast<double>(pair.recorded_ns) - begin);
  free.push_back(std::exchange(t.last, pair.end));
  t.last_ns = end;
}

void EventTimer::finish(int32_t device) {
  std::lock_guard lock(mutex_);
  for (auto& [stream, t] : tracks_) {
    if (t.device != device) continue;
    while (!t.pairs.empty()) time_oldest(t);
    for (Span& span : t.spans) {
      span.begin_ns += std::llround(t.epoch_ns);
      span.end_ns += std::llround(t.epoch_ns);
      spans_.push_back(std::move(span));
    }
    t.spans.clear();
    if (t.last) free_[device].push_back(std::exchange(t.last, nullptr));
  }
  for (aclrtEvent event : free_[device]) NPU_ACL(aclrtDestroyEvent)(event);
  free_.erase(device);
}

Spans EventTimer::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(spans_, {});
}

}  // namespace npu::profiler
