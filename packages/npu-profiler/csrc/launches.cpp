// SPDX-License-Identifier: BSD-3-Clause
#include "launches.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "npu/core/launch.h"

namespace npu::profiler {
namespace {

thread_local std::vector<uint64_t> t_operators, t_annotations;
thread_local int t_unrecorded = 0;

int32_t thread_id() {
  thread_local const auto id = static_cast<int32_t>(syscall(SYS_gettid));
  return id;
}

uint64_t top(const std::vector<uint64_t>& ids) { return ids.empty() ? 0 : ids.back(); }

void pop(std::vector<uint64_t>& ids) {
  if (!ids.empty()) ids.pop_back();
}

}  // namespace

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Unrecorded::Unrecorded() { ++t_unrecorded; }
Unrecorded::~Unrecorded() { --t_unrecorded; }

void push_operator(uint64_t id) { t_operators.push_back(id); }
void pop_operator() { pop(t_operators); }
void push_annotation(uint64_t id) { t_annotations.push_back(id); }
void pop_annotation() { pop(t_annotations); }

const npu_activity_hooks Launches::hooks_{
    .struct_size = sizeof(npu_activity_hooks),
    .enqueue_begin = &Launches::enqueue_begin,
    .enqueue_end = &Launches::enqueue_end,
    .launch_begin = &Launches::launch_begin,
    .launch_end = &Launches::launch_end,
};

Launches& Launches::instance() {
  static auto* launches = new Launches;  // launch threads call it until the process is gone
  return *launches;
}

void Launches::start(std::function<Timers()> on_first) {
  {
    std::lock_guard lock(mutex_);
    on_first_ = std::move(on_first);
    on_ = true;
  }
  NPU_CALL(core().set_activity_hooks(&hooks_));
}

void Launches::stop() {
  core().set_activity_hooks(nullptr);
  std::unique_lock lock(mutex_);
  on_ = false;
  while (inside_) {  // a launch thread is inside a timer for the time of one launch
    lock.unlock();
    usleep(50);
    lock.lock();
  }
  timers_.clear();
  on_first_ = nullptr;
}

void Launches::abandon() {
  core().set_activity_hooks(nullptr);
  std::lock_guard lock(mutex_);
  on_ = false;
  on_first_ = nullptr;
}

std::set<int32_t> Launches::devices() {
  std::lock_guard lock(mutex_);
  std::set<int32_t> found;
  for (const Launch& launch : launches_) found.insert(launch.what.device);
  return found;
}

std::deque<Launch> Launches::take() {
  std::lock_guard lock(mutex_);
  first_id_ += launches_.size();
  return std::exchange(launches_, {});
}

Launch* Launches::find(uint64_t id) {
  return id >= first_id_ && id - first_id_ < launches_.size() ? &launches_[id - first_id_] : nullptr;
}

uint64_t Launches::enqueue_begin(const npu_activity* what) {
  if (t_unrecorded) return 0;
  Launches& self = instance();
  Launch launch;
  launch.what = *what;
  launch.operator_id = top(t_operators);
  launch.annotation_id = top(t_annotations);
  launch.enqueue_thread = thread_id();
  std::lock_guard lock(self.mutex_);
  if (!self.on_) return 0;
  if (self.on_first_) self.timers_ = std::exchange(self.on_first_, nullptr)();
  launch.id = self.first_id_ + self.launches_.size();
  launch.enqueue_begin = now_ns();
  self.launches_.push_back(launch);
  return launch.id;
}

void Launches::enqueue_end(uint64_t id) {
  Launches& self = instance();
  const int64_t now = now_ns();
  std::lock_guard lock(self.mutex_);
  if (Launch* launch = self.find(id)) launch->enqueue_end = now;
}

void Launches::launch_begin(uint64_t id, aclrtStream stream) {
  Launches& self = instance();
  std::vector<DeviceTimer*> timers;
  npu_activity what;
  {
    std::lock_guard lock(self.mutex_);
    Launch* launch = self.find(id);
    if (!self.on_ || !launch || launch->launch_thread) return;  // its first call into CANN only
    launch->stream = stream;
    launch->launch_thread = thread_id();
    what = launch->what;
    timers = self.timers_;
    ++self.inside_;
  }
  for (DeviceTimer* timer : timers) timer->begin(id, stream, what);
  const int64_t now = now_ns();
  std::lock_guard lock(self.mutex_);
  if (Launch* launch = self.find(id)) launch->launch_begin = now;
}

// Called for launches whose begin was followed only: `launch_begin` says so, and keeps stop() waiting.
void Launches::launch_end(uint64_t id, aclrtStream stream) {
  Launches& self = instance();
  const int64_t now = now_ns();
  std::vector<DeviceTimer*> timers;
  {
    std::lock_guard lock(self.mutex_);
    Launch* launch = self.find(id);
    if (!launch || !launch->launch_begin || launch->launch_end) return;
    launch->launch_end = now;
    timers = self.timers_;
  }
  for (auto timer = timers.rbegin(); timer != timers.rend(); ++timer) (*timer)->end(id, stream);
  std::lock_guard lock(self.mutex_);
  --self.inside_;
}

}  // namespace npu::profiler
