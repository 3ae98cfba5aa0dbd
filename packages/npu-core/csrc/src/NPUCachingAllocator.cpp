// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/NPUCachingAllocator.h"

#include <c10/core/AllocatorConfig.h>

#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "allocator_settings.h"
#include "cann_pool_backend.h"
#include "capture.h"
#include "ipc.h"
#include "npu/core/env.h"
#include "npu/core/host_memory.h"
#include "npu/core/launch_queue.h"
#include "pluggable_allocator.h"
#include "pools.h"
#include "storage_format.h"

namespace npu::NPUCachingAllocator {

using c10::CachingAllocator::AcceleratorAllocatorConfig;
using c10::CachingDeviceAllocator::DeviceStats;
using c10::CachingDeviceAllocator::SegmentInfo;

namespace {

std::mutex g_mutex;  // creation of pools, settings, raw allocations. Never taken under a pool's lock.
std::array<std::atomic<DevicePool*>, kMaxDevices> g_pools{};
std::array<std::optional<double>, kMaxDevices> g_fractions{};
std::optional<double> g_default_fraction;
bool g_settings_read = false;
HistorySettings g_history;
std::vector<OutOfMemoryObserver>& observers() {
  static auto* all = new std::vector<OutOfMemoryObserver>;
  return *all;
}
std::unordered_map<void*, Block*>& raw_blocks() {
  static auto* blocks = new std::unordered_map<void*, Block*>;
  return *blocks;
}

}  // namespace

DevicePool* started_pool(DeviceIndex device) noexcept {
  return device >= 0 && device < kMaxDevices ? g_pools[device].load(std::memory_order_acquire) : nullptr;
}

namespace {

void apply_variable(const char* name, const std::string& value) {
  if (value.empty()) return;
  AllocatorSettings parsed = parse_allocator_settings(value, name);
  AcceleratorAllocatorConfig::instance().parseArgs(parsed.torch);
  if (parsed.memory_fraction) g_default_fraction = parsed.memory_fraction;
}

// Applies the environment's settings; a ValueError comes again with every use until it is mended.
void read_settings_locked() {
  if (g_settings_read) return;
  apply_variable("PYTORCH_ALLOC_CONF", env().generic_alloc_conf);
  apply_variable("PYTORCH_NPU_ALLOC_CONF", env().alloc_conf);
  g_settings_read = true;
}

// Launch threads that run out of memory for a workspace call this; they may not wait.
bool reclaim(DeviceIndex device) noexcept {
  DevicePool* pool = started_pool(device);
  return pool && pool->release_settled() > 0;
}

void apply_fraction(DeviceIndex device, DevicePool& pool, PoolBackend& backend, double fraction) {
  // All of the memory is a limit too: garbage_collection_threshold is a fraction of it.
  const auto total = static_cast<double>(backend.memory_info().second);
  pool.set_limit(std::max<size_t>(1, static_cast<size_t>(fraction * total)));
  g_fractions[device] = fraction;
}

C10_NOINLINE DevicePool& start_pool(DeviceIndex device) {
  init();
  check_device(device);
  std::lock_guard lock(g_mutex);
  if (DevicePool* pool = started_pool(device)) return *pool;
  read_settings_locked();
  auto* backend = new CannPoolBackend(device);
  auto* pool = new DevicePool(device, *backend);
  if (g_default_fraction) apply_fraction(device, *pool, *backend, *g_default_fraction);
  pool->record_history(g_history, false);
  for (const auto& observer : observers()) pool->observe_out_of_memory(observer);
  set_reclaim_hook(reclaim);
  g_pools[device].store(pool, std::memory_order_release);
  return *pool;
}

}  // namespace

DevicePool& pool_of(DeviceIndex device) {
  DevicePool* pool = started_pool(device);
  return C10_LIKELY(pool != nullptr) ? *pool : start_pool(device);
}

namespace {

void report(Block* block, int64_t nbytes) {
  if (C10_LIKELY(!c10::memoryProfilingEnabled())) return;
  auto [allocated, reserved] = block->owner->usage();
  c10::reportMemoryUsageToProfiler(block->ptr, nbytes, allocated, reserved,
                                   c10::Device(c10::DeviceType::PrivateUse1, block->owner->device()));
}

Block* allocate_block(size_t nbytes, DeviceIndex device, c10::StreamId stream) {
  DevicePool& pool = pool_of(device);
  const CapturedAllocation captured(device, stream);
  Block* block = nullptr;
  try {
    block = pool.allocate(nbytes, stream);
  } catch (const c10::OutOfMemoryError&) {
    if (!ipc_collect()) throw;
    block = pool.allocate(nbytes, stream);
  }
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

}  // namespace

Block* block_of(const c10::DataPtr& given) {
  const c10::DataPtr& ptr = sent_original(format_original(given));
  return ptr.get() && ptr.get_deleter() == &free_block ? static_cast<Block*>(ptr.get_context()) : nullptr;
}

namespace {

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
    if (detail::cann_closed() || in_bad_fork()) return;
    ipc_collect();
    for (DeviceIndex device = 0; device < kMaxDevices; ++device) {
      if (DevicePool* started = started_pool(device)) started->empty_cache(pool);
    }
  }

  void recordStream(const c10::DataPtr& ptr, c10::Stream stream) override {
    if (Block* block = block_of(ptr)) block->owner->use_on(block, NPUStream(stream).unwrap());
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
    return CannPoolBackend(device).memory_info();
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

void erase_stream(const c10::DataPtr& ptr, c10::Stream stream) {
  if (Block* block = block_of(ptr)) block->owner->forget_use(block, stream);
}

void* raw_alloc(size_t nbytes, NPUStream stream) {
  if (nbytes == 0) return nullptr;
  if (PluggableAllocator* other = pluggable_allocator()) return other->take(nbytes);
  Block* block = allocate_block(nbytes, stream.device_index(), stream.id());
  std::lock_guard lock(g_mutex);
  raw_blocks().emplace(block->ptr, block);
  return block->ptr;
}

void raw_delete(void* ptr) {
  if (!ptr || detail::cann_closed()) return;
  if (PluggableAllocator* other = pluggable_allocator()) return other->give_back(ptr);
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

std::vector<SegmentInfo> snapshot(DeviceIndex device, std::optional<c10::MempoolId_t> only) {
  std::vector<SegmentInfo> segments;
  for (DeviceIndex i = 0; i < kMaxDevices; ++i) {
    DevicePool* pool = device < 0 || i == device ? started_pool(i) : nullptr;
    if (!pool) continue;
    auto more = pool->snapshot(only);
    std::move(more.begin(), more.end(), std::back_inserter(segments));
  }
  return segments;
}

void record_history(const HistorySettings& settings, bool clear) {
  std::lock_guard lock(g_mutex);
  g_history = settings;
  for (DeviceIndex i = 0; i < kMaxDevices; ++i) {
    if (DevicePool* pool = started_pool(i)) pool->record_history(settings, clear);
  }
}

std::vector<MemoryHistory::Entry> history(DeviceIndex device) {
  DevicePool* pool = started_pool(device);
  return pool ? pool->history() : std::vector<MemoryHistory::Entry>{};
}

void observe_out_of_memory(const OutOfMemoryObserver& observer) {
  std::lock_guard lock(g_mutex);
  observers().push_back(observer);
  for (DeviceIndex i = 0; i < kMaxDevices; ++i) {
    if (DevicePool* pool = started_pool(i)) pool->observe_out_of_memory(observer);
  }
}

c10::MempoolId_t new_pool_id() {
  static std::atomic<c10::CaptureId_t> next{1};
  return {0, next.fetch_add(1)};
}

void begin_thread_route(DeviceIndex device, c10::MempoolId_t id) {
  const auto thread = std::this_thread::get_id();
  pool_of(device).begin_route(
      id, [thread](c10::StreamId) { return std::this_thread::get_id() == thread; }, /*capture=*/false);
}

void set_memory_fraction(double fraction, DeviceIndex device) {
  TORCH_CHECK_VALUE(fraction >= 0 && fraction <= 1, "a memory fraction lies between 0 and 1, found ",
                    fraction);
  DevicePool& pool = pool_of(device);
  CannPoolBackend backend(device);
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
  return received_device(ptr);
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

Settings settings_in_force() {
  std::lock_guard lock(g_mutex);
  read_settings_locked();
  using Config = AcceleratorAllocatorConfig;
  return {c10::CachingAllocator::getAllocatorSettings(), Config::max_split_size(),
          Config::garbage_collection_threshold(), Config::use_expandable_segments(),
          Config::roundup_power2_divisions()};
}

}  // namespace npu::NPUCachingAllocator
