// Copies and sets. Host memory that is not page-locked makes an asynchronous copy wait, as on the device.
#include <cstring>

#include "abi.h"
#include "npu_sim/activity.h"
#include "npu_sim/capture.h"
#include "npu_sim/memory.h"
#include "npu_sim/watch.h"

using namespace npu_sim;

namespace {

enum class Place { host, device };

struct Direction {
  Place dst, src;
};

const char* name_of(Place p) { return p == Place::host ? "host" : "device"; }

// What `kind` says of one operand must be where its bytes are.
int check_place(const char* operand, const void* p, size_t count, Place expected, int* device) {
  if (expected == Place::host) {
    if (!is_device_address(p)) return 0;
  } else if (owns(p, count, device)) {
    return 0;
  }
  std::string found = !is_device_address(p) ? "host memory"
                      : owns(p, 1, nullptr)
                          ? (expected == Place::host ? "device memory" : "a range beyond its allocation")
                          : "unallocated device memory";
  return fail(ACL_ERROR_RT_PARAM_INVALID, std::string(operand) + " must be " + std::to_string(count) +
                                              " bytes of " + name_of(expected) +
                                              " memory for this kind of copy, found " + found);
}

int direction_of(aclrtMemcpyKind kind, const void* dst, const void* src, Direction* d) {
  switch (kind) {
    case ACL_MEMCPY_HOST_TO_HOST:
      *d = {Place::host, Place::host};
      return 0;
    case ACL_MEMCPY_HOST_TO_BUF_TO_DEVICE:
    case ACL_MEMCPY_HOST_TO_DEVICE:
      *d = {Place::device, Place::host};
      return 0;
    case ACL_MEMCPY_DEVICE_TO_HOST:
      *d = {Place::host, Place::device};
      return 0;
    case ACL_MEMCPY_INNER_DEVICE_TO_DEVICE:
    case ACL_MEMCPY_INTER_DEVICE_TO_DEVICE:
    case ACL_MEMCPY_DEVICE_TO_DEVICE:
      *d = {Place::device, Place::device};
      return 0;
    case ACL_MEMCPY_DEFAULT:
      *d = {is_device_address(dst) ? Place::device : Place::host,
            is_device_address(src) ? Place::device : Place::host};
      return 0;
    default:
      return fail(ACL_ERROR_INVALID_PARAM, "unknown kind of copy " + std::to_string(kind));
  }
}

int check_peers(int dst, int src) {
  Device *to = opened_device(dst), *from = opened_device(src);
  bool enabled = dst == src || (to->peers.load() >> src & 1) || (from->peers.load() >> dst & 1);
  if (enabled) return 0;
  return fail(ACL_ERROR_RT_PARAM_INVALID,
              "npu:" + std::to_string(dst) + " and npu:" + std::to_string(src) +
                  " cannot copy to each other: call aclrtDeviceEnablePeerAccess first");
}

int check_copy(const void* dst, size_t dest_max, const void* src, size_t count, aclrtMemcpyKind kind,
               Direction* d) {
  NPU_SIM_TRY(require_pointer(dst, "dst"));
  NPU_SIM_TRY(require_pointer(src, "src"));
  if (count == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "count must be at least 1");
  if (count > dest_max)
    return fail(ACL_ERROR_INVALID_PARAM, "count must not exceed destMax: found " + std::to_string(count) +
                                             " and " + std::to_string(dest_max));
  NPU_SIM_TRY(direction_of(kind, dst, src, d));
  int to = -1, from = -1;
  NPU_SIM_TRY(check_place("dst", dst, count, d->dst, &to));
  NPU_SIM_TRY(check_place("src", src, count, d->src, &from));
  return to >= 0 && from >= 0 ? check_peers(to, from) : 0;
}

int check_set(const void* p, size_t max, size_t count) {
  NPU_SIM_TRY(require_pointer(p, "devPtr"));
  if (count == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "count must be at least 1");
  if (count > max)
    return fail(ACL_ERROR_INVALID_PARAM, "count must not exceed maxCount: found " + std::to_string(count) +
                                             " and " + std::to_string(max));
  if (is_pinned(p, count)) return 0;
  return check_place("devPtr", p, count, Place::device, nullptr);
}

// What a device copy engine finds when it gets to the work: memory may have been freed since the call.
bool still_there(const char* call, const void* p, size_t count) {
  if (!is_device_address(p) || owns(p, count, nullptr)) return true;
  set_error_message(std::string(call) + ": its device memory was freed before the stream reached it");
  return false;
}

void note_copy(const char* call, const void* dst, const void* src, size_t count) {
  note_access(call, "src", src, count, Access::read);
  note_access(call, "dst", dst, count, Access::write);
}

// Waits for one task, not for what comes after it.
int finish(Stream& stream, uint64_t ticket) {
  if (stream.on_worker() || deferring(stream)) return 0;
  stream.wait(ticket, Clock::time_point::max());
  return stream.report();
}

}  // namespace

aclError aclrtMemcpy(void* dst, size_t destMax, const void* src, size_t count, aclrtMemcpyKind kind) {
  std::shared_ptr<Context> context;
  Direction d{};
  NPU_SIM_TRY(enter(&context));
  NPU_SIM_TRY(check_copy(dst, destMax, src, count, kind, &d));
  NPU_SIM_TRY(check_capture_allows("aclrtMemcpy", *context));
  const CallScope scope("aclrtMemcpy", {.count = count, .kind = kind, .async = false});
  const int64_t begin = scope.observed() ? activity_now() : 0;
  if (watching() & kWatchCheck) note_copy("aclrtMemcpy", dst, src, count);
  std::memmove(shadow(dst), shadow(src), count);
  if (scope.observed()) scope.ran(context->device.id, begin, activity_now());
  return ACL_SUCCESS;
}

aclError aclrtMemcpyAsync(void* dst, size_t destMax, const void* src, size_t count, aclrtMemcpyKind kind,
                          aclrtStream stream) {
  std::shared_ptr<Stream> s;
  Direction d{};
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(check_copy(dst, destMax, src, count, kind, &d));
  if (d.dst == Place::host && d.src == Place::host)
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                "a copy within the host is not asynchronous: use aclrtMemcpy");
  const void* host = d.dst == Place::host ? dst : d.src == Place::host ? src : nullptr;
  const bool waits = host && !is_pinned(host, count);
  if (waits)
    NPU_SIM_TRY(check_capture_allows("aclrtMemcpyAsync of host memory that is not page-locked", *s->context,
                                     ACL_ERROR_RT_CAPTURE_MODE_BLOCK_ASYNC));
  auto copy = [dst, src, count]() -> int {
    if (watching() & kWatchCheck) note_copy("aclrtMemcpyAsync", dst, src, count);
    if (!still_there("aclrtMemcpyAsync", dst, count) || !still_there("aclrtMemcpyAsync", src, count))
      return ACL_ERROR_RT_SYS_DMA;
    std::memmove(shadow(dst), shadow(src), count);
    return 0;
  };
  const CallScope scope("aclrtMemcpyAsync", {.count = count, .kind = kind});
  uint64_t ticket = 0;
  NPU_SIM_TRY(s->enqueue("aclrtMemcpyAsync", copy, Engine::copy, &ticket));
  return waits ? finish(*s, ticket) : ACL_SUCCESS;
}

aclError aclrtMemset(void* devPtr, size_t maxCount, int32_t value, size_t count) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(enter(&context));
  NPU_SIM_TRY(check_set(devPtr, maxCount, count));
  NPU_SIM_TRY(check_capture_allows("aclrtMemset", *context));
  const CallScope scope("aclrtMemset",
                        {.count = count, .value = static_cast<uint32_t>(value), .async = false});
  const int64_t begin = scope.observed() ? activity_now() : 0;
  if (watching() & kWatchCheck) note_access("aclrtMemset", "devPtr", devPtr, count, Access::write);
  std::memset(shadow(devPtr), value, count);
  if (scope.observed()) scope.ran(context->device.id, begin, activity_now());
  return ACL_SUCCESS;
}

aclError aclrtMemsetAsync(void* devPtr, size_t maxCount, int32_t value, size_t count, aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(check_set(devPtr, maxCount, count));
  auto set = [devPtr, value, count]() -> int {
    if (watching() & kWatchCheck) note_access("aclrtMemsetAsync", "devPtr", devPtr, count, Access::write);
    if (!still_there("aclrtMemsetAsync", devPtr, count)) return ACL_ERROR_RT_SYS_DMA;
    std::memset(shadow(devPtr), value, count);
    return 0;
  };
  const CallScope scope("aclrtMemsetAsync", {.count = count, .value = static_cast<uint32_t>(value)});
  return enqueue(*s, "aclrtMemsetAsync", set, Engine::copy);
}

aclError aclrtMemcpy2d(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width, size_t height,
                       aclrtMemcpyKind kind) {
  std::shared_ptr<Context> context;
  Direction d{};
  NPU_SIM_TRY(enter(&context));
  if (width == 0 || height == 0 || width > dpitch || width > spitch)
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "width and height must be at least 1, and width at most each pitch");
  size_t dst_bytes = dpitch * (height - 1) + width, src_bytes = spitch * (height - 1) + width;
  NPU_SIM_TRY(check_copy(dst, dst_bytes, src, width, kind, &d));
  NPU_SIM_TRY(check_place("dst", dst, dst_bytes, d.dst, nullptr));
  NPU_SIM_TRY(check_place("src", src, src_bytes, d.src, nullptr));
  NPU_SIM_TRY(check_capture_allows("aclrtMemcpy2d", *context));
  auto* to = static_cast<char*>(shadow(dst));
  auto* from = static_cast<const char*>(shadow(src));
  for (size_t row = 0; row < height; ++row) {
    if (watching() & kWatchCheck)
      note_copy("aclrtMemcpy2d", static_cast<char*>(dst) + row * dpitch,
                static_cast<const char*>(src) + row * spitch, width);
    std::memmove(to + row * dpitch, from + row * spitch, width);
  }
  return ACL_SUCCESS;
}
