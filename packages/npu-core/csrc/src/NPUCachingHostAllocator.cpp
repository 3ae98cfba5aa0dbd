// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/NPUCachingHostAllocator.h"

#include <chrono>
#include <cstring>
#include <map>
#include <shared_mutex>

#include "NPUGraph.h"
#include "capture.h"
#include "npu/core/NPUEvent.h"
#include "npu/core/error.h"
#include "npu/core/host_memory.h"

namespace npu {

namespace {

// The pinned ranges by address: torch knows blocks by their begin only, and a view may begin anywhere.
class Ranges {
 public:
  void add(const void* begin, size_t size) {
    std::unique_lock lock(mutex_);
    sizes_[static_cast<const char*>(begin)] = size;
  }
  void remove(const void* begin) {
    std::unique_lock lock(mutex_);
    sizes_.erase(static_cast<const char*>(begin));
  }
  // The begin of the range that holds `ptr`, or null.
  const void* find(const void* ptr) const {
    std::shared_lock lock(mutex_);
    auto it = sizes_.upper_bound(static_cast<const char*>(ptr));
    if (it == sizes_.begin()) return nullptr;
    --it;
    return static_cast<const char*>(ptr) < it->first + it->second ? it->first : nullptr;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::map<const char*, size_t> sizes_;
};

Ranges& ranges() {
  static auto* r = new Ranges;
  return *r;
}

// Counts how long it lived.
class Timer {
 public:
  Timer(at::DurationStat& stat, std::mutex& mutex) : stat_(stat), mutex_(mutex) {}
  ~Timer() {
    using std::chrono::microseconds;
    const auto spent = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - start_);
    std::lock_guard lock(mutex_);
    stat_.increase(spent.count());
  }
  Timer(const Timer&) = delete;  // counts once
  Timer& operator=(const Timer&) = delete;

 private:
  at::DurationStat& stat_;
  std::mutex& mutex_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

class Impl final : public at::CachingHostAllocatorImpl<NPUStream, NPUEvent> {
 public:
  // Called by destructors: CANN may be gone (shutdown), or not ours (a forked child).
  void free(void* context) override {
    if (context && !detail::cann_closed() && !in_bad_fork()) CachingHostAllocatorImpl::free(context);
  }

  void copy_data(void* dest, const void* src, std::size_t count) const override {
    std::memcpy(dest, src, count);
  }

 private:
  void allocate_host_memory(size_t size, void** ptr) override {
    bind_device(current_device());
    const RelaxedCapture relaxed;
    const Timer timer(stats_.host_alloc_time, stats_.timing_mutex_);
    int code = cann().aclrtMallocHost(ptr, size);
    if (code != 0) {  // perhaps the cache holds what the host lacks
      empty_cache();
      code = cann().aclrtMallocHost(ptr, size);
    }
    TORCH_CHECK_WITH(OutOfMemoryError, !is_out_of_memory(code), "cannot allocate ", size,
                     " bytes of pinned host memory: pin less, or free pinned tensors. ",
                     is_out_of_memory(code) ? error_message("aclrtMallocHost", code) : "");
    if (code != 0) raise_cann("aclrtMallocHost", code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
    ranges().add(*ptr, size);
  }

  void free_block(at::HostBlock<NPUStream>* block) override {
    ranges().remove(block->ptr_);
    const Timer timer(stats_.host_free_time, stats_.timing_mutex_);
    NPU_CHECK_WARN(cann().aclrtFreeHost(block->ptr_));
  }

  void record_stream(std::optional<std::vector<NPUEvent>>& events, NPUStream stream) override {
    // Captured work uses it in each replay, and an event that is captured never tells when. Without one the
    // block is never handed out again.
    if (npu::stream_is_capturing(stream)) return;
    try {
      NPUEvent event;
      event.record(stream);
      events->push_back(std::move(event));
    } catch (const std::exception&) {
      // The device is broken. Without its event the block is never handed out again, which is the safe side.
    }
  }

  bool query_event(NPUEvent& event) override {
    if (detail::cann_closed())
      return false;  // torch's thread (pinned_use_background_threads) asks to the end
    if (!event.lost()) return event.query();
    // Its record failed: only the whole device tells when the copies before it are done.
    bind_device(event.device_index());
    return cann().aclrtSynchronizeDevice() == 0;
  }
  NPUStream get_current_stream() const override { return getCurrentNPUStream(); }
  bool stream_is_capturing(NPUStream stream) const override { return npu::stream_is_capturing(stream); }
};

void free_pinned(void* context);

using HostAllocator = at::CachingHostAllocatorInterface<Impl, &free_pinned>;

HostAllocator& allocator() {
  static auto* a = new HostAllocator;
  return *a;
}

void free_pinned(void* context) { allocator().free(context); }

bool record_event(const void* ptr, const NPUStream& stream) {
  const void* begin = ranges().find(ptr);
  return begin && allocator().record_event(const_cast<void*>(begin), nullptr, stream.unwrap());
}

[[maybe_unused]] const bool g_registered = [] {
  at::setHostAllocator(at::DeviceType::PrivateUse1, &allocator());
  set_host_memory_hooks({is_pinned, record_event});
  return true;
}();

}  // namespace

at::HostAllocator* getNPUCachingHostAllocator() { return &allocator(); }

bool is_pinned(const void* ptr) noexcept { return ranges().find(ptr) != nullptr; }

int register_host_memory(void* ptr, size_t size) {
  bind_device(current_device());
  void* on_device = nullptr;  // copies take the host's address
  const int code = cann().aclrtHostRegister(ptr, size, ACL_HOST_REGISTER_MAPPED, &on_device);
  if (code == 0) ranges().add(ptr, size);
  return code;
}

int unregister_host_memory(void* ptr) {
  bind_device(current_device());
  const int code = cann().aclrtHostUnregister(ptr);
  if (code == 0) ranges().remove(ptr);
  return code;
}

}  // namespace npu
