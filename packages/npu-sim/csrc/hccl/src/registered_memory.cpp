// Memory that a communicator is told of in advance, so that links can reach it without a copy in between.
// Here every operation goes through the shared segment, whatever memory it is about: a registration is
// checked and kept, and changes no result.
#include <map>
#include <mutex>
#include <vector>

#include "communicator.h"
#include "init.h"
#include "npu_sim/device.h"
#include "npu_sim/memory.h"
#include "npu_sim/virtual_memory.h"

using namespace npu_sim;
using namespace npu_sim::hccl;

namespace {

struct Registration {
  std::weak_ptr<Communicator> comm;
  const void* address;
  uint64_t size;
};

HandleTable<Registration>& registrations() {
  static auto* table = new HandleTable<Registration>(12);
  return *table;
}

HandleTable<Registration>& windows() {
  static auto* table = new HandleTable<Registration>(13);
  return *table;
}

struct Range {
  uint64_t size;
  std::map<uintptr_t, uint64_t> active;  // parts with memory in use
};

struct Ranges {
  std::mutex mutex;
  std::map<std::pair<const Communicator*, uintptr_t>, Range> by_base;

  // The range of a communicator that holds all of [at, at + size).
  Range* around(const Communicator* comm, uintptr_t at, uint64_t size) {
    for (auto& [key, range] : by_base)
      if (key.first == comm && at >= key.second && size <= range.size && at - key.second <= range.size - size)
        return &range;
    return nullptr;
  }
};

Ranges& ranges() {
  static auto* r = new Ranges;
  return *r;
}

std::mutex g_allocations_mutex;
std::map<void*, aclrtDrvMemHandle>& allocations() {
  static auto* a = new std::map<void*, aclrtDrvMemHandle>;
  return *a;
}

HcclResult check_memory(const char* call, const Communicator& comm, const void* p, uint64_t size) {
  int found = -1;
  if (!p) return refuse(HCCL_E_PTR, std::string(call) + ": the address is null");
  if (size == 0 || !owns(p, size, &found) || found != comm.device)
    return refuse(HCCL_E_PARA, std::string(call) + ": needs " + std::to_string(size) +
                                   " bytes inside one live allocation of npu:" + std::to_string(comm.device));
  return HCCL_SUCCESS;
}

HcclResult unknown(const char* call, const char* what) {
  return refuse(HCCL_E_PARA,
                std::string(call) + ": the handle names no " + what + ": it was deregistered or never made");
}

HcclResult add(const char* call, HandleTable<Registration>& table, HcclComm comm, void* addr, uint64_t size,
               void** handle) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, call, &c));
  if (!handle) return refuse(HCCL_E_PTR, std::string(call) + ": the handle's place is null");
  NPU_SIM_HCCL_TRY(check_memory(call, *c, addr, size));
  *handle = table.insert(std::make_shared<Registration>(Registration{c, addr, size}));
  return HCCL_SUCCESS;
}

}  // namespace

HcclResult HcclCommRegister(HcclComm comm, void* addr, uint64_t size, void** handle, uint32_t /*flag*/) {
  return add("HcclCommRegister", registrations(), comm, addr, size, handle);
}

HcclResult HcclCommDeregister(HcclComm comm, void* handle) {
  constexpr const char* name = "HcclCommDeregister";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  auto found = registrations().find(handle);
  if (!found || found->comm.lock() != c) return unknown(name, "registration of this communicator");
  registrations().remove(handle);
  return HCCL_SUCCESS;
}

// What peers would exchange is in the shared segment already.
HcclResult HcclCommExchangeMem(HcclComm comm, void* windowHandle, uint32_t* peerRanks, uint32_t peerRankNum) {
  constexpr const char* name = "HcclCommExchangeMem";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  if (!peerRanks) return refuse(HCCL_E_PTR, std::string(name) + ": peerRanks is null");
  auto found = registrations().find(windowHandle);
  if (!found || found->comm.lock() != c) return unknown(name, "registration of this communicator");
  for (uint32_t i = 0; i < peerRankNum; ++i)
    if (peerRanks[i] >= c->size)
      return refuse(HCCL_E_PARA, std::string(name) + ": a peer must be below the " + std::to_string(c->size) +
                                     " ranks, found " + std::to_string(peerRanks[i]));
  return HCCL_SUCCESS;
}

HcclResult HcclCommSymWinRegister(HcclComm comm, void* addr, uint64_t size, HcclCommSymWindow* winHandle,
                                  uint32_t flag) {
  constexpr const char* name = "HcclCommSymWinRegister";
  if (flag > 1)
    return refuse(HCCL_E_PARA, std::string(name) + ": flag must be 0 or 1, found " + std::to_string(flag));
  return add(name, windows(), comm, addr, size, winHandle);
}

HcclResult HcclCommSymWinDeregister(HcclCommSymWindow winHandle) {
  return windows().remove(winHandle) ? HCCL_SUCCESS : unknown("HcclCommSymWinDeregister", "window");
}

HcclResult HcclCommSetMemoryRange(HcclComm comm, void* baseVirPtr, size_t size, size_t alignment,
                                  uint64_t flags) {
  constexpr const char* name = "HcclCommSetMemoryRange";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  if (!baseVirPtr) return refuse(HCCL_E_PTR, std::string(name) + ": baseVirPtr is null");
  const auto* last = static_cast<const char*>(baseVirPtr) + size - 1;
  if (alignment || flags || size == 0 || !is_device_address(baseVirPtr) || !is_device_address(last))
    return refuse(HCCL_E_PARA, std::string(name) +
                                   ": needs a range of aclrtReserveMemAddress, and alignment and "
                                   "flags of 0");
  Ranges& r = ranges();
  std::lock_guard lock(r.mutex);
  const auto base = reinterpret_cast<uintptr_t>(baseVirPtr);
  for (const auto& [key, range] : r.by_base)
    if (key.first == c.get() && base < key.second + range.size && key.second < base + size)
      return refuse(HCCL_E_PARA, std::string(name) + ": a part of the range is set already");
  r.by_base[{c.get(), base}] = {size, {}};
  return HCCL_SUCCESS;
}

HcclResult HcclCommUnsetMemoryRange(HcclComm comm, void* baseVirPtr) {
  constexpr const char* name = "HcclCommUnsetMemoryRange";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  Ranges& r = ranges();
  std::lock_guard lock(r.mutex);
  auto it = r.by_base.find({c.get(), reinterpret_cast<uintptr_t>(baseVirPtr)});
  if (it == r.by_base.end())
    return refuse(HCCL_E_PARA, std::string(name) + ": no range was set at the address");
  if (!it->second.active.empty())
    return refuse(HCCL_E_PARA, std::string(name) + ": memory of the range is active: deactivate it first");
  r.by_base.erase(it);
  return HCCL_SUCCESS;
}

HcclResult HcclCommActivateCommMemory(HcclComm comm, void* virPtr, size_t size, size_t offset,
                                      aclrtDrvMemHandle handle, uint64_t flags) {
  constexpr const char* name = "HcclCommActivateCommMemory";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  if (!handle) return refuse(HCCL_E_PTR, std::string(name) + ": handle is null");
  if (offset || flags) return refuse(HCCL_E_PARA, std::string(name) + ": offset and flags must be 0");
  NPU_SIM_HCCL_TRY(check_memory(name, *c, virPtr, size));
  Ranges& r = ranges();
  std::lock_guard lock(r.mutex);
  const auto at = reinterpret_cast<uintptr_t>(virPtr);
  Range* range = r.around(c.get(), at, size);
  if (!range)
    return refuse(HCCL_E_PARA, std::string(name) + ": the memory lies in no range of HcclCommSetMemoryRange");
  if (!range->active.emplace(at, size).second)
    return refuse(HCCL_E_PARA, std::string(name) + ": the memory is active already");
  return HCCL_SUCCESS;
}

HcclResult HcclCommDeactivateCommMemory(HcclComm comm, void* virPtr) {
  constexpr const char* name = "HcclCommDeactivateCommMemory";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  Ranges& r = ranges();
  std::lock_guard lock(r.mutex);
  const auto at = reinterpret_cast<uintptr_t>(virPtr);
  Range* range = r.around(c.get(), at, 1);
  if (range && range->active.erase(at)) return HCCL_SUCCESS;
  return refuse(HCCL_E_PARA, std::string(name) + ": no active memory begins at the address");
}

HcclResult HcclCommWorkingDevNicSet(HcclComm comm, uint32_t* ranks, bool* useBackup, uint32_t nRanks) {
  constexpr const char* name = "HcclCommWorkingDevNicSet";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  if (!ranks || !useBackup || nRanks == 0)
    return refuse(HCCL_E_PTR, std::string(name) + ": an array is null or empty");
  return refuse(HCCL_E_NOT_SUPPORT, std::string(name) + ": npu-sim's devices have no network cards");
}

// Memory in whole pages that a window may hold.
HcclResult HcommMemAlloc(void** arg0, uint64_t arg1) {
  if (!arg0) return refuse(HCCL_E_PTR, "HcommMemAlloc: the address's place is null");
  if (arg1 == 0) return refuse(HCCL_E_PARA, "HcommMemAlloc: the size must be at least 1");
  Device* device = nullptr;
  NPU_SIM_HCCL_TRY(current_device(&device));
  const uint64_t size = (arg1 + kHugePage - 1) / kHugePage * kHugePage;
  aclrtDrvMemHandle handle = nullptr;
  void* address = nullptr;
  if (int code = allocate_physical(device->id, size, &handle)) return machine_refused(code);
  int code = reserve_address(&address, size);
  if (!code) code = map_memory(address, size, handle);
  if (code) {
    if (address) release_address(address);
    free_physical(handle);
    return machine_refused(code);
  }
  std::lock_guard lock(g_allocations_mutex);
  allocations()[address] = handle;
  *arg0 = address;
  return HCCL_SUCCESS;
}

HcclResult HcommMemFree(void* arg0) {
  std::lock_guard lock(g_allocations_mutex);
  auto it = allocations().find(arg0);
  if (it == allocations().end())
    return refuse(HCCL_E_PARA, "HcommMemFree: the address is not of HcommMemAlloc");
  unmap_memory(arg0);
  release_address(arg0);
  free_physical(it->second);
  allocations().erase(it);
  return HCCL_SUCCESS;
}
