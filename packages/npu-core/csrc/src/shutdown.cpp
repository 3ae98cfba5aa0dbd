// SPDX-License-Identifier: BSD-3-Clause
#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "npu/core/NPUFunctions.h"
#include "npu/core/cann.h"
#include "npu/core/launch_queue.h"
#include "process.h"

namespace npu {
namespace {

std::atomic<bool> g_closing{false};
std::atomic<bool (*)() noexcept> g_may_park{nullptr};
std::atomic<void* (*)() noexcept> g_release_gil{nullptr};
std::atomic<void (*)(void*) noexcept> g_take_gil{nullptr};
thread_local bool t_shuts_down = false;

constexpr int kShutdownMilliseconds = 30000;
// A parked thread ends with the process, mostly within milliseconds. If it is not one of those that the
// process leaves behind (another thread waits for it), it gets its error after all.
constexpr std::chrono::seconds kParked{10};

}  // namespace

WithoutGil::WithoutGil() : held_(g_release_gil.load() ? g_release_gil.load()() : nullptr) {}
WithoutGil::~WithoutGil() {
  if (held_) g_take_gil.load()(held_);
}

void set_gil(void* (*release)() noexcept, void (*take)(void*) noexcept) noexcept {
  g_take_gil.store(take);
  g_release_gil.store(release);
}

bool closing() noexcept { return g_closing.load(); }  // ordered with the queues' tickets

void set_parking(bool (*may_park)() noexcept) noexcept { g_may_park.store(may_park); }

void refuse_after_shutdown() {
  auto may_park = g_may_park.load();
  if (!t_shuts_down && may_park && may_park()) std::this_thread::sleep_for(kParked);
  TORCH_CHECK(false, "the NPU runtime was shut down at interpreter exit: no NPU work is possible any more");
}

std::string shutdown() noexcept {
  if (in_bad_fork()) return "";
  bool expected = false;
  t_shuts_down = true;
  if (!g_closing.compare_exchange_strong(expected, true)) return "";
  std::string unseen;
  try {
    using clock = std::chrono::steady_clock;
    const auto deadline = clock::now() + std::chrono::milliseconds(kShutdownMilliseconds);
    auto left = [&] {
      auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
      return static_cast<int>(std::max<int64_t>(ms, 1));
    };
    for (DeviceIndex d = 0; is_initialized() && d < kMaxDevices; ++d) {
      if (!has_context(d)) continue;
      LaunchQueue* queue = LaunchQueue::started(d);
      // A queue that does not drain is stuck in CANN; waiting for the device could then last for ever.
      if (queue && !queue->flush_for(left())) continue;
      if (queue && unseen.empty()) unseen = queue->take_error().message;
      const Cann& c = cann();
      c.aclrtSetDevice(d);
      if (c.has_aclrtSynchronizeDeviceWithTimeout)
        c.aclrtSynchronizeDeviceWithTimeout(left());
      else
        c.aclrtSynchronizeDevice();
    }
  } catch (...) {
    // The process ends anyway; what could be told was told at the calls before.
  }
  detail::close_cann();
  return unseen;
}

}  // namespace npu
