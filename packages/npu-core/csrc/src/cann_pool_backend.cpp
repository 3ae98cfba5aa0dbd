// SPDX-License-Identifier: BSD-3-Clause
#include "cann_pool_backend.h"

#include <memory>

#include "capture.h"
#include "foreign_memory.h"
#include "launcher.h"
#include "npu/core/NPUEvent.h"
#include "npu/core/error.h"
#include "npu/core/launch_queue.h"

namespace npu {

void* CannPoolBackend::allocate(size_t nbytes) {
  bind_device(device_);
  void* ptr = nullptr;
  const Cann& c = cann();
  // aclrtMalloc adds 32 bytes to every request, which makes one of n huge pages take n + 1.
  auto allocate = c.has_aclrtMallocAlign32 ? c.aclrtMallocAlign32 : c.aclrtMalloc;
  const RelaxedCapture relaxed;
  const int code = allocate(&ptr, nbytes, ACL_MEM_MALLOC_HUGE_FIRST);
  if (is_out_of_memory(code)) return nullptr;
  if (code != 0) raise_cann("aclrtMalloc", code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
  return ptr;
}

void CannPoolBackend::free(void* ptr) noexcept {
  if (!cann_usable()) return;
  try {
    bind_device(device_);
    NPU_CHECK_WARN(cann().aclrtFree(ptr));
  } catch (const std::exception&) {
    // Shutdown began in between: the process's memory goes with it.
  }
}

// An eighth more addresses than memory: holes that are too small for a request need not be filled first.
size_t CannPoolBackend::address_range(size_t granule) {
  const Cann& c = cann();
  if (!c.has_aclrtReserveMemAddress || !c.has_aclrtReleaseMemAddress || !c.has_aclrtMallocPhysical ||
      !c.has_aclrtFreePhysical || !c.has_aclrtMapMem || !c.has_aclrtUnmapMem) {
    TORCH_WARN_ONCE(
        "PYTORCH_NPU_ALLOC_CONF: expandable_segments needs CANN's virtual memory calls (aclrtMapMem), which "
        "this version lacks; it goes on with fixed segments. max_split_size_mb:<n> also reduces "
        "fragmentation.");
    return 0;
  }
  if (total_ == 0) total_ = memory_info().second;
  return (total_ + total_ / 8) / granule * granule;
}

void* CannPoolBackend::reserve(size_t nbytes) {
  bind_device(device_);
  void* ptr = nullptr;
  const RelaxedCapture relaxed;
  const int code = cann().aclrtReserveMemAddress(&ptr, nbytes, 0, nullptr, 1);
  if (is_out_of_memory(code)) return nullptr;
  if (code != 0)
    raise_cann("aclrtReserveMemAddress", code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
  return ptr;
}

void CannPoolBackend::unreserve(void* ptr) noexcept {
  if (!cann_usable()) return;
  try {
    bind_device(device_);
    NPU_CHECK_WARN(cann().aclrtReleaseMemAddress(ptr));
  } catch (const std::exception&) {
    // As in free().
  }
}

bool CannPoolBackend::map(void* ptr, size_t nbytes, size_t granule) {
  bind_device(device_);
  const RelaxedCapture relaxed;
  aclrtPhysicalMemProp prop{};
  prop.handleType = ACL_MEM_HANDLE_TYPE_NONE;
  prop.allocationType = ACL_MEM_ALLOCATION_TYPE_PINNED;
  prop.memAttr = ACL_HBM_MEM_HUGE;
  prop.location = {static_cast<uint32_t>(device_), ACL_MEM_LOCATION_TYPE_DEVICE};
  auto* const begin = static_cast<char*>(ptr);
  for (size_t done = 0; done < nbytes; done += granule) {
    const char* call = "aclrtMallocPhysical";
    aclrtDrvMemHandle handle = nullptr;
    int code = cann().aclrtMallocPhysical(&handle, granule, &prop, 0);
    if (code == 0) {
      call = "aclrtMapMem";
      code = cann().aclrtMapMem(begin + done, granule, 0, handle, 0);
      if (code != 0) cann().aclrtFreePhysical(handle);
    }
    if (code != 0) {
      unmap(begin, done, granule);
      if (is_out_of_memory(code)) return false;
      raise_cann(call, code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
    }
    granules_.emplace(begin + done, handle);
  }
  return true;
}

void CannPoolBackend::unmap(void* ptr, size_t nbytes, size_t granule) noexcept {
  if (!cann_usable()) return;
  try {
    bind_device(device_);
    for (size_t done = 0; done < nbytes; done += granule) {
      auto it = granules_.find(static_cast<char*>(ptr) + done);
      NPU_CHECK_WARN(cann().aclrtUnmapMem(it->first));
      NPU_CHECK_WARN(cann().aclrtFreePhysical(it->second));
      granules_.erase(it);
    }
  } catch (const std::exception&) {
    // As in free().
  }
}

std::vector<uint64_t> CannPoolBackend::share(void* ptr, size_t nbytes, size_t granule) {
  if (!cann().has_aclrtMemExportToShareableHandle) return {};
  bind_device(device_);
  std::vector<uint64_t> names;
  for (size_t done = 0; done < nbytes; done += granule) {
    uint64_t name = 0;
    // Which process will map it is not known here.
    NPU_CHECK(cann().aclrtMemExportToShareableHandle(granules_.at(static_cast<char*>(ptr) + done),
                                                     ACL_MEM_HANDLE_TYPE_NONE,
                                                     ACL_RT_VMM_EXPORT_FLAG_DISABLE_PID_VALIDATION, &name));
    names.push_back(name);
  }
  return names;
}

void CannPoolBackend::quiesce() {
  synchronize(device_);
  if (LaunchQueue* queue = LaunchQueue::started(device_)) queue->release_workspaces();
}

void* CannPoolBackend::record(const c10::Stream& stream) {
  auto event = std::make_unique<NPUEvent>();
  event->record(NPUStream(stream));
  return event.release();
}

PoolBackend::Progress CannPoolBackend::progress(void* event) {
  auto* e = static_cast<NPUEvent*>(event);
  if (e->lost()) return Progress::kUnknown;
  return e->query() ? Progress::kPassed : Progress::kAhead;
}

void CannPoolBackend::release(void* event) noexcept { delete static_cast<NPUEvent*>(event); }

std::pair<size_t, size_t> CannPoolBackend::memory_info() {
  bind_device(device_);
  size_t free = 0, total = 0;
  NPU_CHECK(cann().aclrtGetMemInfo(ACL_HBM_MEM, &free, &total));
  return {free, total};
}

std::vector<std::pair<std::string, size_t>> CannPoolBackend::others() {
  auto found = foreign_memory(device_);
  found.insert(found.begin(), {"workspaces", workspace_bytes(device_)});
  return found;
}

}  // namespace npu
