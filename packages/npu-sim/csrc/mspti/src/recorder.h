// SPDX-License-Identifier: BSD-3-Clause
// Which kinds of activity are wanted, and the making of their records.
#pragma once

#include <atomic>
#include <cstdint>

#include "npu/cann/mspti.h"

namespace npu_sim::mspti {

class Recorder {
 public:
  void enable(msptiActivityKind kind, bool on);
  bool enabled(msptiActivityKind kind) const { return kinds_.load(std::memory_order_relaxed) >> kind & 1; }
  // Records are made while there is a subscriber, as CANN reports to nobody else.
  void subscribe(bool on);
  // Whether callbacks want the calls even where no kind does.
  void watch_calls(bool on);
  void reset();

  static Recorder& instance();

 private:
  void update();

  std::atomic<uint32_t> kinds_{0};
  std::atomic<bool> subscribed_{false};
  std::atomic<bool> watched_{false};
};

// The ids that this thread pushed, per kind of external API.
msptiResult push_external(msptiExternalCorrelationKind kind, uint64_t id);
msptiResult pop_external(msptiExternalCorrelationKind kind, uint64_t* last);
// Appends a record for each kind whose top id covers a call with this correlation id.
void append_external(uint64_t correlation);

}  // namespace npu_sim::mspti
