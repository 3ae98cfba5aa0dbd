// SPDX-License-Identifier: BSD-3-Clause
#include "bindings.h"
#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/NPUCachingHostAllocator.h"
#include "pools.h"

namespace npu::bindings {

namespace {

using c10::CachingAllocator::DurationStat;
using c10::CachingAllocator::Stat;
using c10::CachingAllocator::StatArray;
using c10::CachingDeviceAllocator::DeviceStats;

py::dict to_dict(const Stat& stat) {
  py::dict d;
  d["current"] = stat.current;
  d["peak"] = stat.peak;
  d["allocated"] = stat.allocated;
  d["freed"] = stat.freed;
  return d;
}

py::dict to_dict(const StatArray& stats) {
  py::dict d;
  d["all"] = to_dict(stats[0]);
  d["small_pool"] = to_dict(stats[1]);
  d["large_pool"] = to_dict(stats[2]);
  return d;
}

py::dict to_dict(const DurationStat& stat) {
  py::dict d;
  d["total"] = stat.total;
  d["max"] = stat.max;
  d["min"] = stat.min;
  d["count"] = stat.count;
  return d;
}

// The caching allocator, or what a program put in its place.
c10::DeviceAllocator* allocator() { return c10::getDeviceAllocator(c10::DeviceType::PrivateUse1); }

py::dict memory_stats(DeviceIndex device) {
  DeviceStats s = allocator()->getDeviceStats(device);
  py::dict d;
  d["num_alloc_retries"] = s.num_alloc_retries;
  d["num_ooms"] = s.num_ooms;
  d["num_sync_all_streams"] = s.num_sync_all_streams;
  d["num_device_alloc"] = s.num_device_alloc;
  d["num_device_free"] = s.num_device_free;
  d["num_oom_rejections"] = s.num_oom_rejections;
  d["max_split_size"] = s.max_split_size;
  d["allocation"] = to_dict(s.allocation);
  d["segment"] = to_dict(s.segment);
  d["active"] = to_dict(s.active);
  d["inactive_split"] = to_dict(s.inactive_split);
  d["allocated_bytes"] = to_dict(s.allocated_bytes);
  d["reserved_bytes"] = to_dict(s.reserved_bytes);
  d["active_bytes"] = to_dict(s.active_bytes);
  d["inactive_split_bytes"] = to_dict(s.inactive_split_bytes);
  d["requested_bytes"] = to_dict(s.requested_bytes);
  d["oversize_allocations"] = to_dict(s.oversize_allocations);
  d["oversize_segments"] = to_dict(s.oversize_segments);
  py::dict pools;
  for (const auto& [id, stats] : s.reserved_bytes_by_private_pools)
    pools[py::make_tuple(id.first, id.second)] = to_dict(stats);
  d["reserved_bytes_by_private_pools"] = pools;
  return d;
}

py::dict host_memory_stats() {
  at::HostStats s = getNPUCachingHostAllocator()->get_stats();
  py::dict d;
  d["num_host_alloc"] = s.num_host_alloc;
  d["num_host_free"] = s.num_host_free;
  d["active_requests"] = to_dict(s.active_requests);
  d["active_bytes"] = to_dict(s.active_bytes);
  d["allocations"] = to_dict(s.allocations);
  d["allocated_bytes"] = to_dict(s.allocated_bytes);
  d["host_alloc_time"] = to_dict(s.host_alloc_time);
  d["host_free_time"] = to_dict(s.host_free_time);
  return d;
}

using Triple = std::tuple<c10::StreamId, DeviceIndex, int>;

uintptr_t raw_alloc(size_t nbytes, const Triple& stream) {
  auto [id, device, type] = stream;
  return reinterpret_cast<uintptr_t>(NPUCachingAllocator::raw_alloc(
      nbytes, NPUStream::unpack3(id, device, static_cast<c10::DeviceType>(type))));
}

}  // namespace

void add_memory(py::module_& m) {
  const py::arg device("device");
  def_py(m, "memory_stats", memory_stats, device);
  def(
      m, "reset_peak_memory_stats", [](DeviceIndex d) { allocator()->resetPeakStats(d); }, device);
  def(
      m, "reset_accumulated_memory_stats", [](DeviceIndex d) { allocator()->resetAccumulatedStats(d); },
      device);
  def(m, "empty_cache", [] { allocator()->emptyCache(); });
  def(
      m, "mem_get_info", [](DeviceIndex d) { return NPUCachingAllocator::get()->getMemoryInfo(d); }, device);
  def(
      m, "set_memory_fraction",
      [](double fraction, DeviceIndex d) { NPUCachingAllocator::set_memory_fraction(fraction, d); },
      py::arg("fraction"), device);
  def(
      m, "get_memory_fraction", [](DeviceIndex d) { return NPUCachingAllocator::memory_fraction(d); },
      device);
  def(
      m, "erase_stream",
      [](const at::Tensor& tensor, const Triple& stream) {
        auto [id, device, type] = stream;
        NPUCachingAllocator::erase_stream(
            tensor.storage().data_ptr(),
            NPUStream::unpack3(id, device, static_cast<c10::DeviceType>(type)).unwrap());
      },
      py::arg("tensor"), py::arg("stream"));
  def(m, "caching_allocator_alloc", raw_alloc, py::arg("size"), py::arg("stream"));
  def(
      m, "caching_allocator_delete",
      [](uintptr_t pointer) { NPUCachingAllocator::raw_delete(reinterpret_cast<void*>(pointer)); },
      py::arg("pointer"));
  def(m, "allocator_settings", [] { return NPUCachingAllocator::settings(); });
  def(
      m, "set_allocator_settings", [](const std::string& s) { NPUCachingAllocator::set_settings(s); },
      py::arg("settings"));

  def_py(m, "host_memory_stats", host_memory_stats);
  def(m, "host_empty_cache", [] { getNPUCachingHostAllocator()->empty_cache(); });
  def(m, "reset_accumulated_host_memory_stats",
      [] { getNPUCachingHostAllocator()->reset_accumulated_stats(); });
  def(m, "reset_peak_host_memory_stats", [] { getNPUCachingHostAllocator()->reset_peak_stats(); });
  def(
      m, "is_pinned", [](uintptr_t pointer) { return is_pinned(reinterpret_cast<void*>(pointer)); },
      py::arg("pointer"));
  def(
      m, "register_host_memory",
      [](uintptr_t pointer, size_t size) {
        return register_host_memory(reinterpret_cast<void*>(pointer), size);
      },
      py::arg("pointer"), py::arg("size"));
  def(
      m, "unregister_host_memory",
      [](uintptr_t pointer) { return unregister_host_memory(reinterpret_cast<void*>(pointer)); },
      py::arg("pointer"));
}

}  // namespace npu::bindings
