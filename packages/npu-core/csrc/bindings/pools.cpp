// SPDX-License-Identifier: BSD-3-Clause
// Private pools, and allocators from other libraries.
#include "pools.h"

#include "bindings.h"
#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/cann.h"
#include "pluggable_allocator.h"

namespace npu::bindings {

namespace {

using Id = c10::MempoolId_t;
using NPUCachingAllocator::pool_of;
using NPUCachingAllocator::started_pool;

// A private pool of the current device, kept as long as this object.
class MemPool {
 public:
  MemPool(std::shared_ptr<PluggableAllocator> source, bool use_on_oom, bool no_split)
      : device_(current_device()), id_(NPUCachingAllocator::new_pool_id()) {
    pool_of(device_).keep_private(id_, std::move(source), use_on_oom, no_split);
  }
  ~MemPool() {
    py::gil_scoped_release no_gil;
    try {
      DevicePool* pool = started_pool(device_);
      if (!pool || detail::cann_closed() || in_bad_fork()) return;
      pool->release_private(id_);
      NPUCachingAllocator::get()->emptyCache(id_);
    } catch (const std::exception&) {
      // The device is broken: who uses it next hears of it.
    }
  }
  MemPool(const MemPool&) = delete;  // it would release the pool twice
  MemPool& operator=(const MemPool&) = delete;

  Id id() const { return id_; }
  int device() const { return device_; }
  int use_count() const { return pool_of(device_).private_uses(id_); }

 private:
  const DeviceIndex device_;
  const Id id_;
};

}  // namespace

void add_pools(py::module_& m) {
  py::class_<PluggableAllocator, std::shared_ptr<PluggableAllocator>>(m, "PluggableAllocator")
      .def(py::init([](uintptr_t allocate, uintptr_t free) {
             return std::make_shared<PluggableAllocator>(
                 reinterpret_cast<PluggableAllocator::Allocate>(allocate),
                 reinterpret_cast<PluggableAllocator::Free>(free));
           }),
           py::arg("allocate"), py::arg("free"));
  def(
      m, "change_current_allocator",
      [](std::shared_ptr<PluggableAllocator> allocator) { change_current_allocator(std::move(allocator)); },
      py::arg("allocator"));
  def(m, "has_pluggable_allocator", [] { return pluggable_allocator() != nullptr; });

  py::class_<MemPool>(m, "MemPool")
      .def(py::init([](std::shared_ptr<PluggableAllocator> source, bool use_on_oom, bool no_split) {
             HANDLE_TH_ERRORS
             py::gil_scoped_release no_gil;
             return std::make_unique<MemPool>(std::move(source), use_on_oom, no_split);
             END_HANDLE_TH_ERRORS_PYBIND
           }),
           py::arg("allocator").none(true), py::arg("use_on_oom"), py::arg("no_split"))
      .def_property_readonly("id", &MemPool::id)
      .def_property_readonly("device", &MemPool::device)
      .def("use_count", &MemPool::use_count);

  const py::arg device("device"), id("id");
  def(m, "new_pool_id", [] { return NPUCachingAllocator::new_pool_id(); });
  def(
      m, "begin_pool", [](DeviceIndex d, Id pool) { NPUCachingAllocator::begin_thread_route(d, pool); },
      device, id);
  def(
      m, "end_pool",
      [](DeviceIndex d, Id pool) {
        pool_of(d).end_route(pool);
        pool_of(d).release_private(pool);
      },
      device, id);
  def(
      m, "empty_pool", [](Id pool) { NPUCachingAllocator::get()->emptyCache(pool); }, id);
}

}  // namespace npu::bindings
