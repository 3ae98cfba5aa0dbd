// SPDX-License-Identifier: BSD-3-Clause
// What is behind an NPUStream: one state a native stream, for the life of the process.
#pragma once

#include <atomic>
#include <cstddef>

#include "npu/core/NPUStream.h"

namespace npu::detail {

struct StreamState {
  DeviceIndex device = 0;
  c10::StreamId id = 0;
  int priority = 0;  // torch's: 0 or -1
  std::atomic<aclrtStream> native{nullptr};
  // The last piece of work of this stream in the device's queue.
  std::atomic<uint64_t> last_ticket{0};

  // The workspace belongs to the launch thread alone.
  void* workspace = nullptr;
  size_t workspace_bytes = 0;

  // Creates the native stream if needed.
  aclrtStream handle();
};

// The state of a stream of ours or of a registered foreign one; raises ValueError for another id.
StreamState& stream_state(const c10::Stream& stream);
// As stream_state(getCurrentNPUStream(device)), without the detour.
StreamState& current_stream_state(DeviceIndex device);
// Calls `visit` for every stream of the device that has a native stream.
void for_each_stream(DeviceIndex device, void (*visit)(StreamState&, void*), void* argument);

}  // namespace npu::detail
