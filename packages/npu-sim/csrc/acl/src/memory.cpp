#include "npu_sim/memory.h"

#include <limits>

#include "abi.h"
#include "npu_sim/host_memory.h"

using namespace npu_sim;

namespace {

constexpr uint64_t kAlignment = 512;
constexpr uint64_t kGiB = 1ULL << 30;

enum class Pages { normal, huge, huge_1g, any };

// Above the policies stand attribute bits, which change nothing here.
Pages pages(aclrtMemMallocPolicy policy) {
  switch (policy & 0xff) {
    case ACL_MEM_MALLOC_HUGE_ONLY:
    case ACL_MEM_MALLOC_HUGE_ONLY_P2P:
      return Pages::huge;
    case ACL_MEM_MALLOC_NORMAL_ONLY:
    case ACL_MEM_MALLOC_NORMAL_ONLY_P2P:
      return Pages::normal;
    case ACL_MEM_MALLOC_HUGE1G_ONLY:
    case ACL_MEM_MALLOC_HUGE1G_ONLY_P2P:
      return Pages::huge_1g;
    default:
      return Pages::any;
  }
}

uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

// `padding` bytes more than asked for, which operators may read past a tensor's end.
int allocate(void** out, uint64_t size, aclrtMemMallocPolicy policy, uint64_t padding) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(out, "devPtr"));
  *out = nullptr;
  if (size == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "size must be at least 1");
  NPU_SIM_TRY(enter(&context));
  DeviceMemory& memory = context->device.memory;
  Pages kind = pages(policy);
  uint64_t wanted = size;
  if (size <= memory.total()) {
    uint64_t unit = kind == Pages::huge_1g                                             ? kGiB
                    : kind == Pages::huge || (kind == Pages::any && size >= kHugePage) ? kHugePage
                                                                                       : kAlignment;
    wanted = round_up(round_up(size, 32) + (kind == Pages::huge_1g ? 0 : padding), unit);
    if (!allocation_fails()) *out = memory.allocate(wanted, unit);
  }
  if (*out && (watching() & kWatchCheck)) note_allocated(*out, wanted);
  if (*out) return 0;
  return fail(ACL_ERROR_RT_MEMORY_ALLOCATION, "npu:" + std::to_string(context->device.id) + " has no " +
                                                  std::to_string(wanted) +
                                                  " bytes left: " + std::to_string(memory.used()) + " of " +
                                                  std::to_string(memory.total()) + " are in use");
}

}  // namespace

aclError aclrtMalloc(void** devPtr, size_t size, aclrtMemMallocPolicy policy) {
  return allocate(devPtr, size, policy, 32);
}

aclError aclrtMallocCached(void** devPtr, size_t size, aclrtMemMallocPolicy policy) {
  return allocate(devPtr, size, policy, 32);
}

aclError aclrtMallocAlign32(void** devPtr, size_t size, aclrtMemMallocPolicy policy) {
  return allocate(devPtr, size, policy, 0);
}

// The attributes of `cfg` say who allocates; the memory is the same.
aclError aclrtMallocWithCfg(void** devPtr, size_t size, aclrtMemMallocPolicy policy,
                            aclrtMallocConfig* /*cfg*/) {
  return allocate(devPtr, size, policy, 32);
}

aclError aclrtFree(void* devPtr) {
  NPU_SIM_TRY(require_pointer(devPtr, "devPtr"));
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(enter(&context));
  for (int id = 0; id < device_count(); ++id) {
    Device* device = opened_device(id);
    bool inside = device && device->memory.offset(devPtr) < device->memory.total();
    if (inside && (watching() & kWatchCheck))
      if (uint64_t size = device->memory.allocation_size(devPtr)) note_freed("aclrtFree", devPtr, size);
    if (inside && device->memory.release(devPtr)) return ACL_SUCCESS;
  }
  return fail(ACL_ERROR_RT_MEMORY_FREE,
              is_device_address(devPtr)
                  ? "no allocation starts at the address: it was freed before, or lies inside one"
                  : "the address is not of aclrtMalloc");
}

aclError aclrtMallocHost(void** hostPtr, size_t size) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(hostPtr, "hostPtr"));
  if (size == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "size must be at least 1");
  NPU_SIM_TRY(enter(&context));
  *hostPtr = allocate_host(size);
  if (*hostPtr) return ACL_SUCCESS;
  return fail(ACL_ERROR_RT_MEMORY_ALLOCATION, "the host has no " + std::to_string(size) + " bytes left");
}

aclError aclrtMallocHostWithCfg(void** ptr, uint64_t size, aclrtMallocConfig* /*cfg*/) {
  return aclrtMallocHost(ptr, size);
}

aclError aclrtFreeHost(void* hostPtr) {
  NPU_SIM_TRY(require_pointer(hostPtr, "hostPtr"));
  NPU_SIM_TRY(ready());
  if (free_host(hostPtr)) return ACL_SUCCESS;
  return fail(ACL_ERROR_RT_MEMORY_FREE, "the address is not of aclrtMallocHost, or was freed before");
}

aclError aclrtHostRegisterV2(void* ptr, uint64_t size, uint32_t /*flag*/) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(ptr, "ptr"));
  NPU_SIM_TRY(enter(&context));
  if (size == 0 || is_device_address(ptr))
    return fail(ACL_ERROR_RT_PARAM_INVALID, "ptr must be host memory of at least one byte");
  if (register_host(ptr, size)) return ACL_SUCCESS;
  return fail(ACL_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "a part of the memory is page-locked already");
}

// The device reaches the memory at the host's own address.
aclError aclrtHostRegister(void* ptr, uint64_t size, aclrtHostRegisterType /*type*/, void** devPtr) {
  NPU_SIM_TRY(require_pointer(devPtr, "devPtr"));
  NPU_SIM_TRY(aclrtHostRegisterV2(ptr, size, 0));
  *devPtr = ptr;
  return ACL_SUCCESS;
}

aclError aclrtHostUnregister(void* ptr) {
  NPU_SIM_TRY(require_pointer(ptr, "ptr"));
  NPU_SIM_TRY(ready());
  if (unregister_host(ptr)) return ACL_SUCCESS;
  return fail(ACL_ERROR_HOST_MEMORY_NOT_REGISTERED, "no registered memory starts at the address");
}

aclError aclrtGetMemInfo(aclrtMemAttr attr, size_t* free, size_t* total) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(free, "free"));
  NPU_SIM_TRY(require_pointer(total, "total"));
  NPU_SIM_TRY(enter(&context));
  const DeviceMemory& memory = context->device.memory;
  switch (attr) {
    case ACL_DDR_MEM:
    case ACL_DDR_MEM_HUGE:
    case ACL_DDR_MEM_NORMAL:
    case ACL_DDR_MEM_P2P_HUGE:
    case ACL_DDR_MEM_P2P_NORMAL:
      *free = *total = 0;
      return ACL_SUCCESS;  // the device has HBM only
    default:
      *total = memory.total();
      *free = memory.total() - memory.used();
      return ACL_SUCCESS;
  }
}

aclError aclrtPointerGetAttributes(const void* ptr, aclrtPtrAttributes* attributes) {
  NPU_SIM_TRY(require_pointer(attributes, "attributes"));
  NPU_SIM_TRY(ready());
  *attributes = {};
  int device = -1;
  if (owns(ptr, 1, &device)) {
    attributes->location = {static_cast<uint32_t>(device), ACL_MEM_LOCATION_TYPE_DEVICE};
    attributes->pageSize = static_cast<uint32_t>(kHugePage);
  } else if (is_pinned(ptr, 1)) {
    attributes->location = {0, ACL_MEM_LOCATION_TYPE_HOST};
    attributes->pageSize = static_cast<uint32_t>(kPage);
  } else {
    attributes->location = {0, ACL_MEM_LOCATION_TYPE_UNREGISTERED};
  }
  return ACL_SUCCESS;
}
