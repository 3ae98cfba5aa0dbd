#include "npu_sim/compute_slots.h"

#include <algorithm>
#include <chrono>

namespace npu_sim {

void ComputeSlots::acquire(uint32_t priority) {
  std::unique_lock lock(mutex_);
  if (free_ > 0 && waiting_.empty()) {
    --free_;
    return;
  }
  auto self = waiting_.emplace(priority, sequence_++).first;
  ready_.wait(lock, [&] { return free_ > 0 && waiting_.begin() == self; });
  waiting_.erase(self);
  --free_;
  if (free_ > 0 && !waiting_.empty()) ready_.notify_all();
}

void ComputeSlots::release(int64_t busy_ns) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    ++free_;
    busy_ns_ += busy_ns;
    wake = !waiting_.empty();
  }
  if (wake) ready_.notify_all();
}

int ComputeSlots::take_utilisation() {
  int64_t now = std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  std::lock_guard lock(mutex_);
  int64_t elapsed = now - std::exchange(asked_at_ns_, now);
  int64_t busy = std::exchange(busy_ns_, 0);
  if (elapsed <= 0) return 0;
  return static_cast<int>(std::clamp<int64_t>(busy * 100 / elapsed, 0, 100));
}

}  // namespace npu_sim
