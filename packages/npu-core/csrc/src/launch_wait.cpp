// SPDX-License-Identifier: BSD-3-Clause
// Waiting for the device, and what is told of an error then.
#include <c10/util/Exception.h>

#include "launch_history.h"
#include "launcher.h"
#include "npu/core/error.h"
#include "npu/core/launch_queue.h"
#include "streams.h"

namespace npu {

void LaunchQueue::raise_error() {
  if (Failure f = take_error()) raise_failure(f);
}

size_t LaunchQueue::release_workspaces() {
  struct Task {
    size_t* freed;
  };
  static constexpr TaskKind kind{
      "release of workspaces", [](const void* payload, const TaskContext& context) {
        *static_cast<const Task*>(payload)->freed = context.launcher.release_workspaces();
      }};
  size_t freed = 0;
  const Task task{&freed};
  flush(enqueue(kind, detail::stream_state(getDefaultNPUStream(device_)), &task, sizeof task));
  return freed;
}

std::vector<Launched> LaunchQueue::suspects(std::string_view message) noexcept {
  struct Task {
    std::string_view message;
    std::vector<Launched>* found;
  };
  static constexpr TaskKind kind{"look into the launch history",
                                 [](const void* payload, const TaskContext& context) {
                                   const auto* task = static_cast<const Task*>(payload);
                                   *task->found = context.launcher.history.suspects(task->message);
                                 }};
  std::vector<Launched> found;
  try {
    const Task task{message, &found};
    flush(enqueue(kind, detail::stream_state(getDefaultNPUStream(device_)), &task, sizeof task));
  } catch (...) {
    // The device's error is the one to tell.
  }
  return found;
}

void raise_after_wait(DeviceIndex device, const char* call, int code) {
  LaunchQueue* queue = LaunchQueue::started(device);
  if (queue) queue->raise_error();
  if (C10_LIKELY(code == 0)) return;
  std::string message =
      error_message(call, code);  // first of all: CANN keeps it for this thread's next call only
  if (queue) message += explain_suspects(queue->suspects(message));
  throw c10::AcceleratorError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, code, message);
}

void synchronize_stream(const NPUStream& stream) {
  const DeviceIndex device = stream.device_index();
  detail::StreamState& state = detail::stream_state(stream.unwrap());
  LaunchQueue* queue = LaunchQueue::started(device);
  if (queue) queue->flush(state.last_ticket.load(std::memory_order_acquire));
  bind_device(device);
  raise_after_wait(device, "aclrtSynchronizeStream", cann().aclrtSynchronizeStream(state.handle()));
}

void flush_all() noexcept {
  for (DeviceIndex d = 0; d < kMaxDevices; ++d)
    if (LaunchQueue* queue = LaunchQueue::started(d)) queue->flush();
}

}  // namespace npu
