// SPDX-License-Identifier: BSD-3-Clause
#include "pluggable_allocator.h"

#include <c10/util/Exception.h>

#include <atomic>

#include "cann_pool_backend.h"
#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/host_memory.h"
#include "streams.h"

namespace npu {

namespace {

std::atomic<PluggableAllocator*> g_current{nullptr};

aclrtStream native(DeviceIndex device, c10::StreamId stream) {
  return detail::stream_state(
             c10::Stream(c10::Stream::UNSAFE, {c10::DeviceType::PrivateUse1, device}, stream))
      .handle();
}

void free_current(void* ptr) {
  if (PluggableAllocator* allocator = pluggable_allocator()) allocator->give_back(ptr);
}

[[noreturn]] void not_told(const char* what) {
  TORCH_CHECK_NOT_IMPLEMENTED(false, "a pluggable allocator keeps no ", what,
                              ": they are those of the caching allocator, which "
                              "torch.npu.memory.change_current_allocator replaced");
}

}  // namespace

void* PluggableAllocator::allocate(size_t nbytes, DeviceIndex device, c10::StreamId stream) {
  bind_device(device);
  return allocate_(nbytes, device, native(device, stream));
}

void PluggableAllocator::free(void* ptr, size_t nbytes, DeviceIndex device, c10::StreamId stream) noexcept {
  if (detail::cann_closed() || in_bad_fork()) return;
  try {
    bind_device(device);
    free_(ptr, nbytes, device, native(device, stream));
  } catch (const std::exception&) {
    // Shutdown began in between: the process's memory goes with it.
  }
}

void* PluggableAllocator::take(size_t nbytes) {
  if (nbytes == 0) return nullptr;
  const NPUStream stream = getCurrentNPUStream();
  void* ptr = allocate(nbytes, stream.device_index(), stream.id());
  TORCH_CHECK_WITH(OutOfMemoryError, ptr, "the pluggable allocator has no ", nbytes,
                   " bytes for npu:", static_cast<int>(stream.device_index()));
  std::lock_guard lock(mutex_);
  taken_.insert_or_assign(ptr, Taken{nbytes, stream.device_index(), stream.id()});
  return ptr;
}

void PluggableAllocator::give_back(void* ptr) {
  if (!ptr) return;
  Taken taken;
  {
    std::lock_guard lock(mutex_);
    auto it = taken_.find(ptr);
    TORCH_CHECK_VALUE(it != taken_.end(), "no live allocation of the pluggable allocator has the address ",
                      ptr);
    taken = it->second;
    taken_.erase(it);
  }
  free(ptr, taken.nbytes, taken.device, taken.stream);
}

c10::DataPtr PluggableAllocator::allocate(size_t nbytes) {
  const c10::Device device(c10::DeviceType::PrivateUse1, current_device());
  void* ptr = take(nbytes);
  return {ptr, ptr, &free_current, device};
}

c10::DeleterFnPtr PluggableAllocator::raw_deleter() const { return &free_current; }

void PluggableAllocator::copy_data(void* dest, const void* src, size_t count) const {
  const DeviceIndex device = current_device();
  copy_bytes(dest, device, src, device, count, /*non_blocking=*/true);
}

c10::CachingDeviceAllocator::DeviceStats PluggableAllocator::getDeviceStats(DeviceIndex) {
  not_told("statistics");
}
void PluggableAllocator::resetAccumulatedStats(DeviceIndex) { not_told("statistics"); }
void PluggableAllocator::resetPeakStats(DeviceIndex) { not_told("statistics"); }

std::pair<size_t, size_t> PluggableAllocator::getMemoryInfo(DeviceIndex device) {
  init();
  check_device(device);
  return CannPoolBackend(device).memory_info();
}

void change_current_allocator(std::shared_ptr<PluggableAllocator> allocator) {
  TORCH_CHECK(!NPUCachingAllocator::get()->initialized() && !pluggable_allocator(),
              "the allocator of npu can only be changed before the first tensor is made on the device");
  static auto* kept = new std::shared_ptr<PluggableAllocator>;  // tensors may outlive every other owner
  *kept = std::move(allocator);
  g_current.store(kept->get(), std::memory_order_release);
  c10::SetAllocator(c10::DeviceType::PrivateUse1, kept->get());
}

PluggableAllocator* pluggable_allocator() noexcept { return g_current.load(std::memory_order_acquire); }

}  // namespace npu
