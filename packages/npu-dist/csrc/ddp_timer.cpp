// SPDX-License-Identifier: BSD-3-Clause
// What DistributedDataParallel measures its steps with, from torch's own registry of timers.
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <array>
#include <optional>
#include <torch/csrc/distributed/c10d/reducer_timer.hpp>

namespace c10d {
namespace {

class NPUTimer final : public Timer {
 public:
  explicit NPUTimer(c10::Device device) : device_(device) {}

  void record(Event event) override {
    Timer::record(event);
    auto& slot = events_.at(static_cast<size_t>(event));
    slot.emplace(device_.type(), c10::EventFlag::BACKEND_DEFAULT);  // with timing
    slot->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }

  // Nanoseconds on the device. Waits for both events.
  std::optional<int64_t> measureDifference(Event start, Event end) override {
    auto &from = events_.at(static_cast<size_t>(start)), &to = events_.at(static_cast<size_t>(end));
    if (!from || !to) return std::nullopt;
    from->synchronize();
    to->synchronize();
    const double milliseconds = from->elapsedTime(*to);
    if (milliseconds < 0) return std::nullopt;
    return static_cast<int64_t>(milliseconds * 1e6);
  }

 private:
  const c10::Device device_;
  std::array<std::optional<c10::Event>, 5> events_;
};

C10_REGISTER_TYPED_CLASS(TimerRegistry, c10::kPrivateUse1, NPUTimer)

}  // namespace
}  // namespace c10d
