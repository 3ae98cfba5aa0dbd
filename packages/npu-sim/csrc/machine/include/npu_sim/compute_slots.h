// SPDX-License-Identifier: BSD-3-Clause
// The compute pool of a device: how many kernels run at once, whichever streams they come from.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <utility>

#include "npu_sim/api.h"

namespace npu_sim {

class NPU_SIM_API ComputeSlots {
 public:
  explicit ComputeSlots(int slots) : free_(slots) {}

  // Blocks until a slot is free and nothing of a smaller priority number, or older, waits.
  void acquire(uint32_t priority);
  // Returns the slot, which was held for `busy_ns`.
  void release(int64_t busy_ns);

  // Percent of the time since the last call (or the start) that a slot was held; at most 100.
  int take_utilisation();

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  int free_;
  uint64_t sequence_ = 0;
  std::set<std::pair<uint32_t, uint64_t>> waiting_;
  int64_t busy_ns_ = 0;
  int64_t asked_at_ns_ = 0;
};

}  // namespace npu_sim
