// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/NPUCachingAllocator.h"

#include <c10/core/AllocatorConfig.h>

#include <array>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "allocator_settings.h"
#include "device_pool.h"
#include "npu/core/NPUEvent.h"
#include "npu/core/env.h"
#include "npu/core/error.h"
#include "npu/core/host_memory.h"
#include "npu/core/launch_queue.h"

namespace npu::NPUCachingAllocator {

using c10::CachingAllocator::AcceleratorAllocatorConfig;
using c10::CachingDeviceAllocator::DeviceStats;
using c10::CachingDeviceAllocator::SegmentInfo;

namespace {

class CannBackend final : public PoolBackend {
 public:
  explicit CannBackend(DeviceIndex device) : device_(device) {}

  void* allocate(size_t nbytes) override {
    bind_device(device_);
    void* ptr = nullptr;
    const Cann& c = cann();
    // aclrtMalloc adds 32 bytes to every request, which makes one of n huge pages take n + 1.
    auto allocate = c.has_aclrtMallocAlign32 ? c.aclrtMallocAlign32 : c.aclrtMalloc;
    int code = allocate(&ptr, nbytes, ACL_MEM_MALLOC_HUGE_FIRST);
    if (is_out_of_memory(code)) return nullptr;
    if (code != 0) raise_cann("aclrtMalloc", code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
    return ptr;
  }

  void free(void* ptr) noexcept override {
    if (!cann_usable()) return;
    try {
      bind_device(device_);
      NPU_CHECK_WARN(cann().aclrtFree(ptr));
    } catch (const std::exception&) {
      // Shutdown began in between: the process's memory goes with it.
    }
  }

  void quiesce() override {
    synchronize(device_);
    if (LaunchQueue* queue = LaunchQueue::started(device_)) queue->release_workspaces();
  }

  void* record(const c10::Stream& stream) override {
    auto event = std::make_unique<NPUEvent>();
    event->record(NPUStream(stream));
    return event.release();
  }
  Progress progress(void* event) override {
    auto* e = static_cast<NPUEvent*>(event);
    if (e->lost()) return Progress::kUnknown;
    return e->query() ? Progress::kPassed : Progress::kAhead;
  }
  void release(void* event) noexcept override { delete static_cast<NPUEvent*>(event); }

  std::pair<size_t, size_t> memory_info() override {
    bind_device(device_);
    size_t free = 0, total = 0;
    NPU_CHECK(cann().aclrtGetMemInfo(ACL_HBM_MEM, &free, &total));
    return {free, total};
  }

 private:
  DeviceIndex device_;
};

std::mutex g_mutex;  // creation of pools, settings, raw allocations. Never taken under a pool's lock.
std::array<std::atomic<DevicePool*>, kMaxDevices> g_pools{};
std::array<std::optional<double>, kMaxDevices> g_fractions{};
std::optional<double> g_default_fraction;
bool g_settings_read = false;
std::unordered_map<void*, Block*>& raw_blocks() {
  static auto* blocks = new std::unordered_map<void*, Block*>;
  return *blocks;
}

DevicePool* started_pool(DeviceIndex device) {
  return device >= 0 && device < kMaxDevices ? g_pools[device].load(std::memory_order_acquire) : nullptr;
}

// Applies PYTORCH_NPU_ALLOC_CONF; a ValueError comes again with every use until it is mended.
void read_settings_locked() {
  if (g_settings_read) return;
  if (!env().alloc_conf.empty()) {
    AllocatorSettings parsed = parse_allocator_settings(env().alloc_conf);
    AcceleratorAllocatorConfig::instance().parseArgs(parsed.torch);
    g_default_fraction = parsed.memory_fraction;
  }
  g_settings_read = true;
}

// Launch threads that run out of memory for a workspace call this; they may not wait.
bool reclaim(DeviceIndex device) noexcept {
  DevicePool* pool = started_pool(device);
  return pool && pool->release_settled() > 0;
}

void apply_fraction(DeviceIndex device, DevicePool& pool, PoolBackend& backend, double fraction) {
  pool.set_limit(
      fraction < 1 ? std::max<size_t>(
                         1, static_cast<size_t>(fraction * static_cast<double>(backend.memory_info().second)))
                   : 0);
  g_fractions[device] = fraction;
}

C10_NOINLINE DevicePool& start_pool(DeviceIndex device) {
  init();
  check_device(device);
  std::lock_guard lock(g_mutex);
  if (DevicePool* pool = started_pool(device)) return *pool;
  read_settings_locked();
  auto* backend = new CannBackend(device);
  auto* pool = new DevicePool(device, *backend);
  double fraction = g_default_fraction.value_or(1);
  if (fraction < 1) apply_fraction(device, *pool, *backend, fraction);
  set_reclaim_hook(reclaim);
  g_pools[device].store(pool, std::memory_order_release);
  return *pool;
}

DevicePool& pool_of(DeviceIndex device) {
  DevicePool* pool = started_pool(device);
  return C10_LIKELY(pool != nullptr) ? *pool : start_pool(device);
}

void report(Block* block, int64_t nbytes) {
  if (C10_LIKELY(!c10::memoryProfilingEnabled())) return;
  auto [allocated, reserved] = block->owner->usage();
  c10::reportMemoryUsageToProfiler(block->ptr, nbytes, allocated, reserved,
                                   c10::Device(c10::DeviceType::PrivateUse1, block->owner->device()));
}

Block* allocate_block(size_t nbytes, DeviceIndex device, c10::StreamId stream) {
  Block* block = pool_of(device).allocate(nbytes, stream);
  report(block, static_cast<int64_t>(block->size));
  return block;
}

// The deleter of every npu storage. CANN may be gone (shutdown), or not ours (a forked child).
void free_block(void* context) {
  if (!context || detail::cann_closed() || in_bad_fork()) return;
  auto* block = static_cast<Block*>(context);
  auto nbytes = static_cast<int64_t>(block->size);
  report(block, -nbytes);
  block->owner->free(block);
}

class NPUCachingAllocator final : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(size_t nbytes) override {
    DeviceIndex device = current_device();
    c10::Device where(c10::DeviceType::PrivateUse1, device);
    if (nbytes == 0) return {nullptr, nullptr, &free_block, where};
    Block* block = allocate_block(nbytes, device, getCurrentNPUStream(device).id());
    return {block->ptr, block, &free_block, where};
  }

  // The context is the block, not the address, so raw_allocate is not supported: see raw_alloc.
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  bool is_simple_data_ptr(const c10::DataPtr& ptr) const override { return ptr.get_deleter() == &free_block; }

  void copy_data(void* dest, const void* src, size_t count) const override {
    copy_bytes(dest, device_of(dest), src, device_of(src), count, /*non_blocking=*/true);
  }

  bool initialized() override {
    for (const auto& pool : g_pools) {
      if (pool.load(std::memory_order_relaxed)) return true;
    }
    return false;
  }

  void emptyCache(c10::MempoolId_t pool = {0, 0}) override {
    TORCH_CHECK_NOT_IMPLEMENTED(pool == c10::MempoolId_t(0, 0), "npu has no private memory pools yet");
    if (detail::cann_closed() || in_bad_fork()) return;
    for (DeviceIndex device = 0; device < kMaxDevices; ++device) {
      if (DevicePool* started = started_pool(device)) started->empty_cache();
    }
  }

  void recordStream(const c10::DataPtr& ptr, c10::Stream stream) override {
    // Memory of another owner (an empty storage, a foreign or shared block) has no block to note it in.
    if (!ptr.get() || ptr.get_deleter() != &free_block) return;
    auto* block = static_cast<Block*>(ptr.get_context());
    block->owner->use_on(block, NPUStream(stream).unwrap());
  }

  DeviceStats getDeviceStats(DeviceIndex device) override {
    check_device(device);
    DevicePool* pool = started_pool(device);
    return pool ? pool->stats() : DeviceStats{};
  }
  void resetAccumulatedStats(DeviceIndex device) override {
    check_device(device);
    if (DevicePool* pool = started_pool(device)) pool->reset_accumulated_stats();
  }
  void resetPeakStats(DeviceIndex device) override {
    check_device(device);
    if (DevicePool* pool = started_pool(device)) pool->reset_peak_stats();
  }
  std::pair<size_t, size_t> getMemoryInfo(DeviceIndex device) override {
    init();
    check_device(device);
    return CannBackend(device).memory_info();
  }
};

}  // namespace

c10::DeviceAllocator* get() {
  static auto* allocator = new NPUCachingAllocator;
  return allocator;
}

namespace {
[[maybe_unused]] const bool g_registered = [] {
  c10::SetAllocator(c10::DeviceType::PrivateUse1, get());
  return true;
}();
}  // namespace

void* raw_alloc(size_t nbytes, NPUStream stream) {
  if (nbytes == 0) return nullptr;
  Block* block = allocate_block(nbytes, stream.device_index(), stream.id());
  std::lock_guard lock(g_mutex);
  raw_blocks().emplace(block->ptr, block);
  return block->ptr;
}

void raw_delete(void* ptr) {
  if (!ptr || detail::cann_closed()) return;
  Block* block = nullptr;
  {
    std::lock_guard lock(g_mutex);
    auto it = raw_blocks().find(ptr);
    TORCH_CHECK_VALUE(it != raw_blocks().end(), "no live raw allocation of npu has the address ", ptr,
                      ": it was never made by caching_allocator_alloc, or is freed already");
    block = it->second;
    raw_blocks().erase(it);
  }
  free_block(block);
}

std::vector<SegmentInfo> snapshot(DeviceIndex device) {
  std::vector<SegmentInfo> segments;
  for (DeviceIndex i = 0; i < kMaxDevices; ++i) {
    DevicePool* pool = device < 0 || i == device ? started_pool(i) : nullptr;
    if (!pool) continue;
    auto more = pool->snapshot();
    std::move(more.begin(), more.end(), std::back_inserter(segments));
  }
  return segments;
}

void set_memory_fraction(double fraction, DeviceIndex device) {
  TORCH_CHECK_VALUE(fraction >= 0 && fraction <= 1, "a memory fraction lies between 0 and 1, found ",
                    fraction);
  DevicePool& pool = pool_of(device);
  CannBackend backend(device);
  std::lock_guard lock(g_mutex);
  apply_fraction(device, pool, backend, fraction);
}

double memory_fraction(DeviceIndex device) {
  check_device(device);
  std::lock_guard lock(g_mutex);
  read_settings_locked();
  return g_fractions[device].value_or(g_default_fraction.value_or(1));
}

DeviceIndex device_of(const void* ptr) {
  for (DeviceIndex device = 0; device < kMaxDevices; ++device) {
    DevicePool* pool = started_pool(device);
    if (pool && pool->owns(ptr)) return device;
  }
  return -1;
}

void set_settings(const std::string& text) {
  AllocatorSettings parsed = parse_allocator_settings(text);
  if (parsed.memory_fraction) set_memory_fraction(*parsed.memory_fraction, current_device());
  std::lock_guard lock(g_mutex);
  read_settings_locked();
  AcceleratorAllocatorConfig::instance().parseArgs(parsed.torch);
}

std::string settings() {
  std::lock_guard lock(g_mutex);
  read_settings_locked();
  return c10::CachingAllocator::getAllocatorSettings();
}

}  // namespace npu::NPUCachingAllocator
