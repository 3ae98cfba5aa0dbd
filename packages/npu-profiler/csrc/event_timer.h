// SPDX-License-Identifier: BSD-3-Clause
// Times launches by a pair of CANN's events around each: works on every CANN, and sees what libmspti does not
// give.
//
// A pair says how long the stream took from before a launch to after it. That is the work's own time while
// the stream is busy; on an idle stream the time in which CANN launches it is in it. An operator of several
// kernels is one span.
#pragma once

#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "launches.h"
#include "spans.h"

namespace npu::profiler {

class EventTimer final : public DeviceTimer {
 public:
  // `copies_only`: kernels and collectives are timed by somebody else.
  explicit EventTimer(bool copies_only) : copies_only_(copies_only) {}
  ~EventTimer() override = default;  // events of an unreachable device are left to the process's end
  EventTimer(const EventTimer&) = delete;

  void begin(uint64_t id, aclrtStream stream, const npu_activity& what) override;
  void end(uint64_t id, aclrtStream stream) override;

  // Waits for what is still on this device's streams and times it; frees the device's events. On its launch
  // thread.
  void finish(int32_t device);
  // Everything that was timed.
  Spans take();
  // Whether all was well: false if CANN refused an event, and spans are missing.
  bool complete() const { return complete_; }

  // Copies that blocked their caller took as long as the call; nothing else is known of them.
  static Span host_span(const Launch& launch);
  static Span named(const Launch& launch);

 private:
  struct Pair {
    uint64_t launch;
    aclrtEvent begin, end;
    int64_t recorded_ns;  // host time just before `begin` was recorded
  };
  // Spans of a stream are placed one after the other from an anchor: the differences are small, and a float
  // of milliseconds is exact for them. Where the anchor stands on the host's clock follows from what must be
  // so: the stream reaches an event after the host has recorded it. The tightest such pair counts, so that
  // spans are early by the shortest way from host to device, and never late.
  struct Track {
    int32_t device = 0;
    int64_t number = 0;
    aclrtEvent last = nullptr;
    double last_ns = 0;   // from the anchor
    double epoch_ns = 0;  // of the anchor, since the epoch
    std::deque<Pair> pairs;
    Spans spans;  // from the anchor
  };
  struct Open {
    aclrtEvent event;
    int64_t recorded_ns;
  };

  Track& track(aclrtStream stream, int32_t device);
  void anchor(Track& track, aclrtStream stream);
  void time_oldest(Track& track);
  aclrtEvent take_event(int32_t device);
  void ok(int code);

  const bool copies_only_;
  std::mutex mutex_;
  bool complete_ = true;
  std::unordered_map<aclrtStream, Track> tracks_;
  std::unordered_map<int32_t, std::vector<aclrtEvent>> free_;
  std::unordered_map<uint64_t, Open> open_;  // launches between begin and end
  Spans spans_;
};

}  // namespace npu::profiler
