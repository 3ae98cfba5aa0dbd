// SPDX-License-Identifier: BSD-3-Clause
// The memory of one device: a sparse file whose pages kernels see through the shadow.
#pragma once

#include <atomic>
#include <cstdint>
#include <shared_mutex>
#include <string>
#include <utility>

#include "npu_sim/api.h"
#include "npu_sim/heap.h"

namespace npu_sim {

constexpr uint64_t kHugePage = 2ULL << 20;
constexpr uint64_t kPage = 4096;

class NPU_SIM_API DeviceMemory {
 public:
  // Device memory of `size` bytes at the device address `base`, as the address space laid it out.
  DeviceMemory(char* base, uint64_t size) : base_(base), heap_(size) {}
  DeviceMemory(const DeviceMemory&) = delete;  // owns a mapping and a file
  ~DeviceMemory();

  // Maps the shadow. An aclError, with a message, if the host refuses. /proc shows the memory as `name`.
  int open(const std::string& name);

  // Null, with no message, when the device has no such free range. Tells the epoch that it belongs to.
  void* allocate(uint64_t size, uint64_t alignment, uint64_t* epoch = nullptr);
  // False for an address that no live allocation starts at.
  bool release(void* p);
  // Nothing if the allocation belongs to an older epoch: something else may lie there now.
  void release(void* p, uint64_t epoch);
  bool owns(const void* p, uint64_t nbytes) const;
  // Bytes that the allocation starting at `p` holds; 0 if none starts there.
  uint64_t allocation_size(const void* p) const;

  uint64_t total() const { return heap_.size(); }
  uint64_t used() const;
  uint64_t peak() const { return peak_.load(std::memory_order_relaxed); }

  // Where an address lies in the file, for virtual memory and other processes.
  uint64_t offset(const void* p) const { return static_cast<uint64_t>(static_cast<const char*>(p) - base_); }
  char* base() const { return base_; }
  int file() const { return file_; }

  // Frees everything, as a device reset does, and begins a new epoch.
  void clear();

 private:
  bool release_locked(void* p);
  void punch(uint64_t offset, uint64_t size);

  char* const base_;
  int file_ = -1;
  mutable std::shared_mutex mutex_;
  Heap heap_;
  uint64_t warm_ = 0;  // bytes freed since the last punch that may still be resident
  std::atomic<uint64_t> peak_{0};
  uint64_t epoch_ = 0;
};

// An allocation that ends with this object, unless a reset of the device ended it before.
class NPU_SIM_API DeviceBlock {
 public:
  DeviceBlock() = default;
  // Has no address when the device has no such free range.
  DeviceBlock(DeviceMemory& memory, uint64_t size, uint64_t alignment)
      : memory_(&memory), address_(memory.allocate(size, alignment, &epoch_)) {}
  DeviceBlock(const DeviceBlock&) = delete;  // owns the allocation
  DeviceBlock(DeviceBlock&& other) noexcept { *this = std::move(other); }
  DeviceBlock& operator=(DeviceBlock&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(address_, other.address_);
    std::swap(epoch_, other.epoch_);
    return *this;
  }
  ~DeviceBlock() {
    if (address_) memory_->release(address_, epoch_);
  }
  void* address() const { return address_; }

 private:
  DeviceMemory* memory_ = nullptr;
  uint64_t epoch_ = 0;  // before address_, whose allocation tells it
  void* address_ = nullptr;
};

}  // namespace npu_sim
