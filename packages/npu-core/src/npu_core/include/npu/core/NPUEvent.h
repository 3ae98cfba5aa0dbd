// SPDX-License-Identifier: BSD-3-Clause
// Events: markers in a stream that others wait for and that measure time.
//
// record() and block() take their place in the launch queue like every other work. An event waited for on
// another device, whose record has not left its own queue, holds that other queue back until it has. An
// NPUEvent belongs to one owner (movable, not copyable); queued work keeps the underlying aclrtEvent alive by
// itself. It may be used from several threads if its owner orders record() against everything else.
#pragma once

#include <cstdint>
#include <string>

#include "npu/core/NPUStream.h"

namespace npu {

namespace detail {
struct EventState;
}

// What an event can do beside ordering streams: tell times; be opened by other processes; order the replays
// of a graph against work outside of it (each replay waits for, or makes, a new record).
enum class EventKind : uint8_t { kPlain, kTiming, kInterprocess, kExternal };

class NPU_API NPUEvent {
 public:
  explicit NPUEvent(bool enable_timing = false) noexcept
      : kind_(enable_timing ? EventKind::kTiming : EventKind::kPlain) {}
  explicit NPUEvent(EventKind kind) noexcept : kind_(kind) {}
  // The event of another process, on that device. RuntimeError if that process has ended.
  static NPUEvent open(DeviceIndex device, const std::string& handle);
  ~NPUEvent();
  NPUEvent(const NPUEvent&) = delete;  // the aclrtEvent has one owner
  NPUEvent& operator=(const NPUEvent&) = delete;
  NPUEvent(NPUEvent&& other) noexcept;
  NPUEvent& operator=(NPUEvent&& other) noexcept;

  bool is_created() const noexcept { return state_ != nullptr; }
  bool timing() const noexcept { return kind_ == EventKind::kTiming; }
  // The device of the first record; -1 before.
  DeviceIndex device_index() const noexcept;
  // CANN's event, created if needed on the current device; for interoperation only.
  aclrtEvent event();

  // What names the event for other processes, after its last record left the queue. ValueError unless of
  // kInterprocess.
  std::string ipc_handle();

  // True if never recorded, or if the last record has left the queue and completed on the device.
  bool query() const;
  // Whether the last record was launched and failed, so that query() tells nothing about the work before it.
  bool lost() const;
  // Raises RuntimeError if the stream is on another device than an earlier record's.
  void record(const NPUStream& stream);
  void record() { record(getCurrentNPUStream()); }
  void record_once(const NPUStream& stream) {
    if (!is_created()) record(stream);
  }
  // Work enqueued on `stream` from now on waits for the last record. No-op if never recorded.
  void block(const NPUStream& stream) const;
  // Of kExternal: `stream` forgets the last record, so that the next wait is for a later one.
  void reset(const NPUStream& stream);
  // Waits on the host for the last record, then raises the device's first error. No-op if never recorded.
  void synchronize() const;
  // Milliseconds from this to `end`. Both must have been made with timing and have completed.
  double elapsed_time(const NPUEvent& end) const;

 private:
  // Whether there is something to wait for, and until where of its device's queue.
  bool awaited(uint64_t* ticket) const noexcept;

  detail::EventState* state_ = nullptr;
  EventKind kind_ = EventKind::kPlain;
};

}  // namespace npu
