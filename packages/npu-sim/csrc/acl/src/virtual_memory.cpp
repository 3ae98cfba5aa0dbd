#include "npu_sim/virtual_memory.h"

#include <unistd.h>

#include "abi.h"

using namespace npu_sim;

namespace {

int require_granular(uint64_t size) {
  if (size && size % kHugePage == 0) return 0;
  return fail(ACL_ERROR_RT_PARAM_INVALID,
              "size must be a multiple of 2 MiB and not 0, found " + std::to_string(size));
}

int require_zero(uint64_t value, const char* name) {
  return value == 0 ? 0 : fail(ACL_ERROR_RT_PARAM_INVALID, std::string(name) + " must be 0");
}

int require_device_memory(const aclrtPhysicalMemProp& prop) {
  if (prop.location.type == ACL_MEM_LOCATION_TYPE_DEVICE) return 0;
  return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "the simulator has physical memory on devices only");
}

}  // namespace

aclError aclrtReserveMemAddress(void** virPtr, size_t size, size_t alignment, void* expectPtr,
                                uint64_t flags) {
  NPU_SIM_TRY(require_pointer(virPtr, "virPtr"));
  NPU_SIM_TRY(ready());  // an address belongs to no device: torch_npu asks for one before it sets any
  NPU_SIM_TRY(require_zero(alignment, "alignment"));
  NPU_SIM_TRY(require_zero(flags & ~uint64_t{1}, "flags other than 1"));
  if (size == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "size must be at least 1");
  if (expectPtr)
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                "the simulator chooses the address: expectPtr must be null");
  return reserve_address(virPtr, (size + kHugePage - 1) / kHugePage * kHugePage);
}

aclError aclrtReleaseMemAddress(void* virPtr) {
  NPU_SIM_TRY(require_pointer(virPtr, "virPtr"));
  NPU_SIM_TRY(ready());
  return release_address(virPtr);
}

aclError aclrtMallocPhysical(aclrtDrvMemHandle* handle, size_t size, const aclrtPhysicalMemProp* prop,
                             uint64_t flags) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(require_pointer(prop, "prop"));
  NPU_SIM_TRY(enter(&context));
  NPU_SIM_TRY(require_zero(flags, "flags"));
  NPU_SIM_TRY(require_granular(size));
  NPU_SIM_TRY(require_device_memory(*prop));
  return allocate_physical(static_cast<int>(prop->location.id), size, handle);
}

aclError aclrtFreePhysical(aclrtDrvMemHandle handle) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(enter(&context));
  return free_physical(handle);
}

aclError aclrtMapMem(void* virPtr, size_t size, size_t offset, aclrtDrvMemHandle handle, uint64_t flags) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(virPtr, "virPtr"));
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(enter(&context));
  NPU_SIM_TRY(require_zero(offset, "offset"));
  NPU_SIM_TRY(require_zero(flags, "flags"));
  NPU_SIM_TRY(require_granular(size));
  return map_memory(virPtr, size, handle);
}

aclError aclrtUnmapMem(void* virPtr) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(virPtr, "virPtr"));
  NPU_SIM_TRY(enter(&context));
  return unmap_memory(virPtr);
}

aclError aclrtMemGetAllocationGranularity(aclrtPhysicalMemProp* prop, aclrtMemGranularityOptions option,
                                          size_t* granularity) {
  NPU_SIM_TRY(require_pointer(prop, "prop"));
  NPU_SIM_TRY(require_pointer(granularity, "granularity"));
  NPU_SIM_TRY(require_device_memory(*prop));
  if (option != ACL_RT_MEM_ALLOC_GRANULARITY_MINIMUM && option != ACL_RT_MEM_ALLOC_GRANULARITY_RECOMMENDED)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "unknown granularity option " + std::to_string(option));
  *granularity = kHugePage;
  return ACL_SUCCESS;
}

aclError aclrtMemExportToShareableHandle(aclrtDrvMemHandle handle, aclrtMemHandleType handleType,
                                         uint64_t flags, uint64_t* shareableHandle) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(require_pointer(shareableHandle, "shareableHandle"));
  NPU_SIM_TRY(enter(&context));
  NPU_SIM_TRY(
      require_zero(flags & ~uint64_t{ACL_RT_VMM_EXPORT_FLAG_DISABLE_PID_VALIDATION}, "flags other than 1"));
  if (handleType != ACL_MEM_HANDLE_TYPE_NONE)
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "handleType must be ACL_MEM_HANDLE_TYPE_NONE");
  return export_physical(handle, shareableHandle);
}

aclError aclrtMemImportFromShareableHandle(uint64_t shareableHandle, int32_t deviceId,
                                           aclrtDrvMemHandle* handle) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(enter(&context));
  return import_physical(shareableHandle, deviceId, handle);
}

// The host lets every process of this user import: a list only adds to those who may.
aclError aclrtMemSetPidToShareableHandle(uint64_t shareableHandle, int32_t* pid, size_t pidNum) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(pid, "pid"));
  NPU_SIM_TRY(enter(&context));
  if (pidNum == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "pidNum must be at least 1");
  if (exporter_of(shareableHandle) == getpid()) return ACL_SUCCESS;
  return fail(ACL_ERROR_RT_PARAM_INVALID,
              "the shareable handle was not exported by this process with aclrtMemExportToShareableHandle");
}
