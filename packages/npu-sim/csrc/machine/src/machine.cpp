#include "npu_sim/machine.h"

#include <pthread.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "address_space.h"
#include "npu_sim/error.h"
#include "npu_sim/memory.h"
#include "npu_sim/settings.h"
#include "npu_sim/virtual_memory.h"

namespace npu_sim {

std::atomic<bool> exiting{false};

namespace {

std::atomic<int> running_tasks{0};
std::atomic<bool> forked{false};

struct Machine {
  std::mutex mutex;
  std::vector<std::atomic<Device*>> devices{static_cast<size_t>(device_count())};
  bool started = false;
};

Machine& machine() {
  static auto* m = new Machine;
  return *m;
}

void on_exit() {
  if (forked.load()) return;  // the workers stayed with the parent
  exiting.store(true);
  // A kernel that does not end must not keep the process.
  for (int i = 0; i < 5000 && running_tasks.load() > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

int start(Machine& m) {
  if (m.started) return 0;
  uint64_t bytes = settings().hbm_bytes / kHugePage * kHugePage;
  if (int code = reserve_address_space(device_count(), bytes)) return code;
  install_fault_handler();
  pthread_atfork(nullptr, nullptr, [] { forked.store(true); });
  std::atexit(on_exit);
  m.started = true;
  return 0;
}

}  // namespace

int ready() {
  if (forked.load(std::memory_order_relaxed))
    return fail(
        ACL_ERROR_RT_DRV_INTERNAL_ERROR,
        "this process was forked after its parent used the device, which does not follow into a child: "
        "start it with the 'spawn' method, or fork before the first use");
  if (!settings().error.empty()) return fail(ACL_ERROR_INVALID_PARAM, settings().error);
  return 0;
}

int device_count() { return static_cast<int>(settings().visible_devices.size()); }

Device* opened_device(int id) {
  if (id < 0 || id >= device_count()) return nullptr;
  return machine().devices[static_cast<size_t>(id)].load(std::memory_order_acquire);
}

int start_machine() {
  Machine& m = machine();
  std::lock_guard lock(m.mutex);
  return start(m);
}

int open_device(int id, Device** device) {
  if (id < 0 || id >= device_count())
    return fail(ACL_ERROR_RT_INVALID_DEVICEID,
                "device " + std::to_string(id) + " does not exist: this process has " +
                    std::to_string(device_count()) + " (NPU_SIM, ASCEND_RT_VISIBLE_DEVICES)");
  if ((*device = opened_device(id))) return 0;
  Machine& m = machine();
  std::lock_guard lock(m.mutex);
  if ((*device = opened_device(id))) return 0;
  if (int code = start(m)) return code;
  const Settings& s = settings();
  auto* base = std::bit_cast<char*>(address_range.begin + address_layout.stride * static_cast<uint64_t>(id));
  auto d = std::make_unique<Device>(id, s.visible_devices[static_cast<size_t>(id)], base,
                                    s.hbm_bytes / kHugePage * kHugePage, s.slots);
  if (int code = d->memory.open("npu-sim:" + std::to_string(d->physical_id))) return code;
  *device = d.release();  // lives as long as the process
  m.devices[static_cast<size_t>(id)].store(*device, std::memory_order_release);
  return 0;
}

bool begin_task() {
  running_tasks.fetch_add(1);
  if (!exiting.load()) return true;
  running_tasks.fetch_sub(1);
  return false;
}

void end_task() { running_tasks.fetch_sub(1); }

bool owns(const void* p, size_t nbytes, int* device) {
  if (!is_device_address(p)) return false;
  uint64_t offset = reinterpret_cast<uintptr_t>(p) - address_range.begin;
  uint64_t id = offset / address_layout.stride;
  if (id >= static_cast<uint64_t>(address_layout.devices)) return owns_mapped(p, nbytes, device);
  Device* d = opened_device(static_cast<int>(id));
  if (!d || !d->memory.owns(p, nbytes)) return false;
  if (device) *device = d->id;
  return true;
}

}  // namespace npu_sim
