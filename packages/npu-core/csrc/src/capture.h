// SPDX-License-Identifier: BSD-3-Clause
// What the rest of npu-core needs to know while a graph is captured.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/Stream.h>

#include <map>
#include <utility>
#include <vector>

#include "npu/core/NPUStream.h"
#include "npu/core/cann.h"
#include "npu/core/macros.h"

namespace npu {

namespace detail {
struct StreamState;
}

// Whether any capture goes on in this process. A relaxed load.
bool capturing() noexcept;
// Raises RuntimeError if `stream`, or the current one of a device, is captured: `what` acts at once, and on
// no replay.
void refuse_in_capture(const char* what, const NPUStream& stream);
void refuse_in_capture(const char* what, c10::DeviceIndex device);

// Lets this thread make calls that a capture forbids although they do it no harm: allocations.
class RelaxedCapture {
 public:
  RelaxedCapture();
  ~RelaxedCapture();
  RelaxedCapture(const RelaxedCapture&) = delete;  // restores the thread's mode once
  RelaxedCapture& operator=(const RelaxedCapture&) = delete;

 private:
  bool changed_ = false;
  aclmdlRICaptureMode mode_ = ACL_MODEL_RI_CAPTURE_MODE_RELAXED;
};

// Around an allocation, before the pool's lock: work of a stream that is captured gets memory of the graph,
// whichever thread enqueues it (autograd's runs the backward pass). Asking may wait for the launch thread.
class CapturedAllocation {
 public:
  CapturedAllocation(c10::DeviceIndex device, c10::StreamId stream);
  ~CapturedAllocation();
  CapturedAllocation(const CapturedAllocation&) = delete;  // answers for one allocation
  CapturedAllocation& operator=(const CapturedAllocation&) = delete;

 private:
  bool asked_ = false;
};

// Memory of the device's own, not of a pool, whose blocks captured work shares. For what lives as long as a
// graph.
c10::DataPtr memory_outside_pools(size_t bytes, c10::Device device);

// The workspaces of a graph that is being captured. Touched by the launch thread only.
struct GraphWorkspaces {
  std::vector<c10::DataPtr> all;
  std::map<const detail::StreamState*, std::pair<void*, size_t>> current;

  // Null if `stream` is not captured.
  void* of(detail::StreamState& stream, size_t bytes);
};

}  // namespace npu
