// SPDX-License-Identifier: BSD-3-Clause
// Where work is reported to a profiler. Without one: a load and a branch at the enqueue, a branch at the
// launch.
#pragma once

#include <atomic>

#include "npu/core/launch_queue.h"

namespace npu {

// ValueError for hooks of an older layout.
void set_activity_hooks(const npu_activity_hooks* hooks);

namespace detail {
extern std::atomic<const npu_activity_hooks*> g_activity_hooks;
}

// The enqueue of one piece of work, on the thread of its operator.
class EnqueueScope {
 public:
  EnqueueScope(const TaskKind& kind, DeviceIndex device, const void* payload) {
    const npu_activity_hooks* hooks = detail::g_activity_hooks.load(std::memory_order_acquire);
    if (C10_UNLIKELY(hooks && kind.activity)) begin(*hooks, kind, device, payload);
  }
  ~EnqueueScope() {
    if (C10_UNLIKELY(id)) hooks_->enqueue_end(id);
  }
  EnqueueScope(const EnqueueScope&) = delete;

  uint64_t id = 0;

 private:
  void begin(const npu_activity_hooks& hooks, const TaskKind& kind, DeviceIndex device, const void* payload) {
    npu_activity activity{.name = kind.name, .device = device};
    kind.activity(payload, activity);
    hooks_ = &hooks;
    id = hooks.enqueue_begin(&activity);
  }

  const npu_activity_hooks* hooks_ = nullptr;
};

// The call that hands the work to CANN. As narrow as it can be: with a stream that has nothing else to do,
// what lies between the two would be counted as the device's time.
class LaunchScope {
 public:
  LaunchScope(uint64_t id, aclrtStream stream) : id_(id), stream_(stream) {
    if (C10_LIKELY(!id)) return;
    hooks_ = detail::g_activity_hooks.load(std::memory_order_acquire);
    if (hooks_) hooks_->launch_begin(id, stream);
  }
  ~LaunchScope() {
    if (C10_UNLIKELY(hooks_)) hooks_->launch_end(id_, stream_);
  }
  LaunchScope(const LaunchScope&) = delete;

 private:
  uint64_t id_;
  aclrtStream stream_;
  const npu_activity_hooks* hooks_ = nullptr;
};

}  // namespace npu
