// SPDX-License-Identifier: BSD-3-Clause
// What the launch thread of a device keeps from one launch to the next. Touched by that thread only (in the
// inline modes: under the queue's inline mutex).
#pragma once

#include "descriptors.h"
#include "executor_cache.h"
#include "launch_history.h"
#include "npu/core/NPUFunctions.h"

namespace npu {

struct GraphWorkspaces;

namespace detail {
struct StreamState;
}

class Launcher {
 public:
  explicit Launcher(DeviceIndex device);

  // At least `bytes` of device memory for one operator on this stream. Private to the launch thread and
  // reused by the next operator of the stream: the stream's order keeps them apart. torch.OutOfMemoryError
  // without memory.
  void* workspace(detail::StreamState& stream, size_t bytes);
  size_t release_workspaces();

  DescriptorPool descriptors;
  ExecutorCache executors;
  LaunchHistory history;
  // Set while a graph is captured on this device.
  GraphWorkspaces* graph = nullptr;

 private:
  DeviceIndex device_;
};

// What the workspaces of a device's streams hold now.
size_t workspace_bytes(DeviceIndex device) noexcept;

}  // namespace npu
