// SPDX-License-Identifier: BSD-3-Clause
// Streams of an NPU, by value.
//
// Stream pool note. A device has a default stream (id 0) and two pools of 32 streams, normal and high
// priority, handed out round robin; each aclrtStream is created on first use and lives as long as the
// process. Streams that only wrap a foreign aclrtStream have its address as id.
//
// All work of ours on a stream goes through the device's launch queue (launch_queue.h), in program order.
// Someone who wants to put work on the aclrtStream directly takes it with stream(), which first flushes that
// queue.
#pragma once

#include <c10/core/Stream.h>
#include <npu/cann/acl.h>

#include <functional>

#include "npu/core/NPUFunctions.h"

namespace npu {

inline constexpr int kStreamsPerPool = 32;

class NPU_API NPUStream {
 public:
  // TypeError-like check: the stream must belong to a PrivateUse1 device.
  explicit NPUStream(c10::Stream stream);

  operator c10::Stream() const { return stream_; }
  c10::Stream unwrap() const { return stream_; }
  bool operator==(const NPUStream& other) const noexcept { return stream_ == other.stream_; }
  bool operator!=(const NPUStream& other) const noexcept { return stream_ != other.stream_; }

  DeviceIndex device_index() const { return stream_.device_index(); }
  c10::Device device() const { return stream_.device(); }
  c10::StreamId id() const { return stream_.id(); }
  // 0 or, for the pool of high priority, -1.
  int priority() const;

  // Whether everything enqueued so far has completed. Waits for the launch queue, not for the device.
  bool query() const;
  // Waits for everything enqueued so far, then raises the device's first error.
  void synchronize() const;

  // CANN's stream for the caller's own use: what was enqueued before is on it already.
  aclrtStream stream() const;
  // CANN's stream without the flush: for the launch thread. Creates it if needed; the device must be bound.
  aclrtStream handle() const;

  c10::StreamData3 pack3() const { return stream_.pack3(); }
  static NPUStream unpack3(c10::StreamId id, DeviceIndex device, c10::DeviceType type) {
    return NPUStream(c10::Stream::unpack3(id, device, type));
  }
  static std::pair<int, int> priority_range() { return {0, -1}; }

 private:
  c10::Stream stream_;
};

// `device` -1 is the current one. These check the index, and do not initialise the device.
NPU_API NPUStream getStreamFromPool(bool high_priority = false, DeviceIndex device = -1);
NPU_API NPUStream getStreamFromPool(int priority, DeviceIndex device = -1);
NPU_API NPUStream getStreamFromExternal(aclrtStream stream, DeviceIndex device);
NPU_API NPUStream getDefaultNPUStream(DeviceIndex device = -1);
// This thread's current stream of the device.
NPU_API NPUStream getCurrentNPUStream(DeviceIndex device = -1);
// Makes `stream` this thread's current one on its device. Does not change the current device.
NPU_API void setCurrentNPUStream(NPUStream stream);

}  // namespace npu

template <>
struct std::hash<npu::NPUStream> {
  size_t operator()(const npu::NPUStream& s) const noexcept { return std::hash<c10::Stream>{}(s.unwrap()); }
};
