#include "npu_sim/device_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>

#include "npu_sim/error.h"
#include "npu_sim/memory.h"
#include "npu_sim/settings.h"

namespace npu_sim {

DeviceMemory::~DeviceMemory() {
  if (file_ >= 0) close(file_);
}

int DeviceMemory::open(const std::string& name) {
  file_ = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (file_ < 0 || ftruncate(file_, static_cast<off_t>(total())) != 0)
    return fail(ACL_ERROR_RT_RESOURCE_ALLOC_FAIL,
                std::string("npu-sim cannot create the device's memory: ") + std::strerror(errno));
  void* p =
      mmap(shadow(base_), total(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file_, 0);
  if (p == MAP_FAILED)
    return fail(ACL_ERROR_RT_RESOURCE_ALLOC_FAIL,
                std::string("npu-sim cannot map the device's memory: ") + std::strerror(errno));
  madvise(p, total(), MADV_DONTFORK);  // a child must not write into its parent's device
  madvise(p, total(), MADV_DONTDUMP);
  return 0;
}

void* DeviceMemory::allocate(uint64_t size, uint64_t alignment, uint64_t* epoch) {
  std::unique_lock lock(mutex_);
  if (epoch) *epoch = epoch_;
  auto offset = heap_.allocate(size, alignment);
  if (!offset) return nullptr;
  warm_ -= std::min(warm_, size);
  if (heap_.used() > peak_.load(std::memory_order_relaxed))
    peak_.store(heap_.used(), std::memory_order_relaxed);
  return base_ + *offset;
}

bool DeviceMemory::release(void* p) {
  std::unique_lock lock(mutex_);
  return release_locked(p);
}

void DeviceMemory::release(void* p, uint64_t epoch) {
  std::unique_lock lock(mutex_);
  if (epoch == epoch_) release_locked(p);
}

bool DeviceMemory::release_locked(void* p) {
  Heap::Block merged{};
  auto size = heap_.release(offset(p), &merged);
  if (!size) return false;
  warm_ += *size;
  if (warm_ > settings().warm_bytes) {
    punch(merged.offset, merged.size);
    warm_ -= std::min(warm_, merged.size);
  }
  return true;
}

// Gives the whole pages of a free range back to the host; they read as zeros afterwards.
void DeviceMemory::punch(uint64_t offset, uint64_t size) {
  uint64_t begin = (offset + kPage - 1) / kPage * kPage;
  uint64_t end = (offset + size) / kPage * kPage;
  if (begin < end)
    fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
              static_cast<off_t>(end - begin));
}

bool DeviceMemory::owns(const void* p, uint64_t nbytes) const {
  std::shared_lock lock(mutex_);
  auto block = heap_.find(offset(p));
  return block && nbytes <= block->offset + block->size - offset(p);
}

uint64_t DeviceMemory::allocation_size(const void* p) const {
  std::shared_lock lock(mutex_);
  auto block = heap_.find(offset(p));
  return block && block->offset == offset(p) ? block->size : 0;
}

uint64_t DeviceMemory::used() const {
  std::shared_lock lock(mutex_);
  return heap_.used();
}

void DeviceMemory::clear() {
  std::unique_lock lock(mutex_);
  heap_ = Heap(heap_.size());
  ++epoch_;
  warm_ = 0;
  punch(0, heap_.size());
}

}  // namespace npu_sim
