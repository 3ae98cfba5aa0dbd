// SPDX-License-Identifier: BSD-3-Clause
#include "launch_slots.h"

#include <c10/util/Exception.h>

#include <cstring>
#include <optional>

#include "aclnn_call.h"
#include "activity.h"
#include "determinism.h"
#include "npu/core/launch_queue.h"
#include "operator.h"
#include "storage_format.h"
#include "streams.h"
#include "sync_debug.h"

namespace npu {

void launch_operator_as(npu_operator& descriptor, const npu_arg* args, uint32_t count,
                        std::span<const ArgFormat> formats) {
  const DeviceIndex device = current_device();
  Operator& op = resolve(descriptor);
  LaunchQueue& queue = LaunchQueue::of(device);
  follow_determinism(device);
  const CallRecord call = write_call(op, args, count, device, formats);
  queue.enqueue(call_task(op), detail::current_stream_state(device), call.header, call.bytes);
}

void launch_operator(npu_operator& descriptor, const npu_arg* args, uint32_t count) {
  if (C10_UNLIKELY(formats_used())) {
    const FormattedCall call(descriptor, args, count);
    return launch_operator_as(call.descriptor(), call.args(), count, call.formats());
  }
  launch_operator_as(descriptor, args, count, {});
}

uint64_t launch_operator_shaped(npu_operator& descriptor, const npu_arg* args, uint32_t count,
                                uint32_t shaped, int64_t* dims) {
  TORCH_CHECK(shaped < count && args[shaped].kind == NPU_ARG_TENSOR, descriptor.name, ": argument ", shaped,
              " is no tensor, so it has no shape to ask for");
  const DeviceIndex device = current_device();
  Operator& op = resolve(descriptor);
  LaunchQueue& queue = LaunchQueue::of(device);
  note_sync("an operator whose result has a shape that only the device knows");
  follow_determinism(device);
  std::optional<FormattedCall> formatted;
  if (C10_UNLIKELY(formats_used())) args = formatted.emplace(descriptor, args, count).args();
  const CallRecord call = write_call(op, args, count, device, {});
  ShapedResult result{dims, 0, {}};
  call.header->shaped = shaped;
  call.header->result = &result;
  const std::string what = describe_call(call.header);
  queue.flush(queue.enqueue(call_task(op), detail::current_stream_state(device), call.header, call.bytes));
  queue.raise_error();  // of earlier work: it may well be the cause
  if (result.failure) {
    result.failure.message += "\n  operation: " + what + " on npu:" + std::to_string(device);
    raise_failure(result.failure);
  }
  return result.ndim;
}

namespace {

struct PluginTask {
  npu_task run;
  const char* name;
  // The payload follows.
};

void plugin_activity(const void*, npu_activity& a) { a.kind = NPU_ACTIVITY_TASK; }

void run_plugin_task(const void* record, const TaskContext& context) {
  const auto* task = static_cast<const PluginTask*>(record);
  const LaunchScope activity(context.activity, context.stream);
  const char* message = nullptr;
  const npu_status status = task->run(const_cast<PluginTask*>(task) + 1, context.stream, &message);
  if (C10_LIKELY(status == NPU_OK)) return;
  raise_failure({status, 0, std::string(task->name) + " failed: " + (message ? message : "no message")});
}

}  // namespace

void launch_task(const char* name, npu_task task, const void* payload, size_t size) {
  const DeviceIndex device = current_device();
  thread_local std::string buffer;
  const PluginTask head{task, name};
  buffer.assign(reinterpret_cast<const char*>(&head), sizeof head);
  if (size) buffer.append(static_cast<const char*>(payload), size);
  LaunchQueue::of(device).enqueue(TaskKind{name, &run_plugin_task, nullptr, &plugin_activity},
                                  detail::current_stream_state(device), buffer.data(), buffer.size());
}

}  // namespace npu
