// SPDX-License-Identifier: BSD-3-Clause
// Memory from two functions of somebody else's library: for a private pool, or for all tensors instead of the
// caching allocator.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "npu/core/NPUStream.h"
#include "pool_backend.h"

namespace npu {

class NPU_API PluggableAllocator final : public c10::DeviceAllocator, public SegmentSource {
 public:
  // Null from `allocate`: no memory. Both may be called from any thread.
  using Allocate = void* (*)(size_t nbytes, int device, aclrtStream stream);
  using Free = void (*)(void* ptr, size_t nbytes, int device, aclrtStream stream);
  PluggableAllocator(Allocate allocate, Free free) : allocate_(allocate), free_(free) {}

  void* allocate(size_t nbytes, DeviceIndex device, c10::StreamId stream) override;
  void free(void* ptr, size_t nbytes, DeviceIndex device, c10::StreamId stream) noexcept override;

  c10::DataPtr allocate(size_t nbytes) override;
  // For the current stream, to be given back by address. Null for 0 bytes.
  void* take(size_t nbytes);
  // ValueError for an address that is no live result of take().
  void give_back(void* ptr);
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* dest, const void* src, size_t count) const override;
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}  // it has none
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(DeviceIndex) override;
  void resetAccumulatedStats(DeviceIndex) override;
  void resetPeakStats(DeviceIndex) override;
  std::pair<size_t, size_t> getMemoryInfo(DeviceIndex device) override;

 private:
  struct Taken {
    size_t nbytes;
    DeviceIndex device;
    c10::StreamId stream;
  };
  const Allocate allocate_;
  const Free free_;
  std::mutex mutex_;
  std::unordered_map<void*, Taken> taken_;
};

// Makes it the allocator of all npu tensors. RuntimeError if one was made already.
NPU_API void change_current_allocator(std::shared_ptr<PluggableAllocator> allocator);
// The one that change_current_allocator() set, or null.
NPU_API PluggableAllocator* pluggable_allocator() noexcept;

}  // namespace npu
