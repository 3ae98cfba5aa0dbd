// SPDX-License-Identifier: BSD-3-Clause
// Copies and fills of plain bytes.
#include <c10/util/Exception.h>

#include <atomic>
#include <cstring>

#include "NPUGraph.h"
#include "activity.h"
#include "capture.h"
#include "npu/core/NPUEvent.h"
#include "npu/core/NPUGuard.h"
#include "npu/core/error.h"
#include "npu/core/host_memory.h"
#include "npu/core/launch_queue.h"
#include "storage_format.h"
#include "sync_debug.h"

namespace npu {
namespace {

std::atomic<bool (*)(const void*)> g_is_pinned{nullptr};
std::atomic<bool (*)(const void*, const NPUStream&)> g_record_event{nullptr};

bool is_pinned(const void* ptr) {
  if (auto ask = g_is_pinned.load(std::memory_order_acquire)) return ask(ptr);
  if (!cann().has_aclrtPointerGetAttributes) return false;
  aclrtPtrAttributes attributes{};
  return cann().aclrtPointerGetAttributes(ptr, &attributes) == 0 &&
         attributes.location.type == ACL_MEM_LOCATION_TYPE_HOST;
}

struct CopyTask {
  void* dst;
  const void* src;
  size_t nbytes;
  aclrtMemcpyKind kind;
  DeviceIndex dst_device, src_device;
  bool peer;  // enable access first

  static std::string place(DeviceIndex device) {
    return device < 0 ? "the host" : "npu:" + std::to_string(device);
  }

  static std::string describe(const void* payload) {
    const auto& t = *static_cast<const CopyTask*>(payload);
    return "copy of " + std::to_string(t.nbytes) + " bytes from " + place(t.src_device) + " to " +
           place(t.dst_device);
  }

  static void activity(const void* payload, npu_activity& a) {
    const auto& t = *static_cast<const CopyTask*>(payload);
    a.kind = NPU_ACTIVITY_COPY;
    a.copy_kind = t.kind;
    a.nbytes = t.nbytes;
  }

  static void run(const void* payload, const TaskContext& context) {
    const auto& t = *static_cast<const CopyTask*>(payload);
    if (t.peer) enable_peer(t.src_device, t.dst_device);
    const LaunchScope scope(context.activity, context.stream);
    NPU_CHECK(cann().aclrtMemcpyAsync(t.dst, t.nbytes, t.src, t.nbytes, t.kind, context.stream));
  }

  // Once a pair, on the source's launch thread. A refusal is left to the copy itself, which then names the
  // reason.
  static void enable_peer(DeviceIndex from, DeviceIndex to) {
    static std::atomic<bool> enabled[kMaxDevices][kMaxDevices];
    if (!enabled[from][to].exchange(true)) cann().aclrtDeviceEnablePeerAccess(to, 0);
  }
};

constexpr TaskKind kCopy{"copy", &CopyTask::run, &CopyTask::describe, &CopyTask::activity};

void enqueue(const CopyTask& task, const NPUStream& stream) {
  LaunchQueue::of(stream.device_index()).enqueue(kCopy, stream, &task, sizeof task);
}

// The copy runs on the source's stream, after what the destination's stream has to do and before what follows
// there.
void copy_between(CopyTask task) {
  const NPUStream from = getCurrentNPUStream(task.src_device), to = getCurrentNPUStream(task.dst_device);
  // One would wait for the other, which a replay cannot.
  if (C10_UNLIKELY(capturing()) && stream_is_capturing(from) != stream_is_capturing(to))
    for (const NPUStream& one : {from, to}) refuse_in_capture("a copy from or to another device", one);
  task.peer = true;
  NPUEvent ready, done;
  ready.record(to);
  ready.block(from);
  enqueue(task, from);
  done.record(from);
  done.block(to);
}

void copy_with_host(const CopyTask& task, const void* host, DeviceIndex device, bool non_blocking) {
  const NPUStream stream = getCurrentNPUStream(device);
  const bool pinned = is_pinned(host);
  if (C10_UNLIKELY(capturing() && (!pinned || !non_blocking)))
    refuse_in_capture(pinned ? "a copy that waits (non_blocking=False)"
                             : "a copy with memory of the host that is not pinned",
                      stream);
  if (!pinned || !non_blocking)
    note_sync(pinned ? "a blocking copy" : "a copy with memory that is not pinned");
  if (pinned) {
    enqueue(task, stream);
    if (!non_blocking) return synchronize_stream(stream);
    if (auto record = g_record_event.load(std::memory_order_acquire)) record(host, stream);
    return;
  }
  // CANN may read pageable memory after an asynchronous call returned, and the device's memory may still be
  // in use by earlier work of the stream: so wait, then copy.
  synchronize_stream(stream);
  const int code = [&] {
    const EnqueueScope activity(kCopy, device, &task);
    const LaunchScope launch(activity.id, nullptr);
    return cann().aclrtMemcpy(task.dst, task.nbytes, task.src, task.nbytes, task.kind);
  }();
  if (code == 0) return;
  throw c10::AcceleratorError(
      {__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, code,
      error_message("aclrtMemcpy", code) + "\n  operation: " + CopyTask::describe(&task));
}

struct FillTask {
  void* dst;
  int value;
  size_t nbytes;

  static void activity(const void* payload, npu_activity& a) {
    a.kind = NPU_ACTIVITY_FILL;
    a.nbytes = static_cast<const FillTask*>(payload)->nbytes;
  }

  static void run(const void* payload, const TaskContext& context) {
    const auto& t = *static_cast<const FillTask*>(payload);
    const LaunchScope scope(context.activity, context.stream);
    NPU_CHECK(cann().aclrtMemsetAsync(t.dst, t.nbytes, t.value, t.nbytes, context.stream));
  }
};

constexpr TaskKind kFill{"fill", &FillTask::run, nullptr, &FillTask::activity};

}  // namespace

void set_host_memory_hooks(HostMemoryHooks hooks) noexcept {
  g_record_event.store(hooks.record_event, std::memory_order_release);
  g_is_pinned.store(hooks.is_pinned, std::memory_order_release);
}

void copy_bytes(void* dst, DeviceIndex dst_device, const void* src, DeviceIndex src_device, size_t nbytes,
                bool non_blocking) {
  if (nbytes == 0) return;
  if (dst_device < 0 && src_device < 0) {
    std::memcpy(dst, src, nbytes);
    return;
  }
  c10::Storage base;
  if (C10_UNLIKELY(formats_used()) && src_device >= 0) base = base_copy_at(src, src_device);
  CopyTask task{dst, src, nbytes, ACL_MEMCPY_DEVICE_TO_DEVICE, dst_device, src_device, false};
  if (dst_device == src_device) return enqueue(task, getCurrentNPUStream(dst_device));
  if (dst_device >= 0 && src_device >= 0) return copy_between(task);
  task.kind = dst_device < 0 ? ACL_MEMCPY_DEVICE_TO_HOST : ACL_MEMCPY_HOST_TO_DEVICE;
  if (dst_device < 0)
    copy_with_host(task, dst, src_device, non_blocking);
  else
    copy_with_host(task, src, dst_device, non_blocking);
}

void fill_bytes(void* dst, int value, size_t nbytes) {
  if (nbytes == 0) return;
  const NPUStream stream = getCurrentNPUStream();
  init();
  if (cann().has_aclrtMemsetAsync) {
    const FillTask task{dst, value, nbytes};
    LaunchQueue::of(stream.device_index()).enqueue(kFill, stream, &task, sizeof task);
    return;
  }
  synchronize_stream(stream);
  NPU_CHECK(cann().aclrtMemset(dst, nbytes, value, nbytes));
}

}  // namespace npu
