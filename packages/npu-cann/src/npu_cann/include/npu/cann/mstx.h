// SPDX-License-Identifier: BSD-3-Clause
// CANN's marker ABI (mstx*, libms_tools_ext): marks, ranges and memory that a program names for its tools.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "npu/cann/acl_types.h"

#if defined(__cplusplus)
extern "C" {
#endif

typedef uint64_t mstxRangeId;
static const mstxRangeId MSTX_INVALID_ID = 0;
typedef struct mstxDomainRegistration_st mstxDomainRegistration_t;
typedef mstxDomainRegistration_t* mstxDomainHandle_t;
typedef struct mstxMemHeap_st mstxMemHeap_t;
typedef mstxMemHeap_t* mstxMemHeapHandle_t;
typedef struct mstxMemRegion_st mstxMemRegion_t;
typedef mstxMemRegion_t* mstxMemRegionHandle_t;

typedef enum mstxMemHeapUsageType { MSTX_MEM_HEAP_USAGE_TYPE_SUB_ALLOCATOR = 0 } mstxMemHeapUsageType;
typedef enum mstxMemType { MSTX_MEM_TYPE_VIRTUAL_ADDRESS = 0 } mstxMemType;
typedef enum mstxMemRegionRefType {
  MSTX_MEM_REGION_REF_TYPE_POINTER = 0,
  MSTX_MEM_REGION_REF_TYPE_HANDLE = 1
} mstxMemRegionRefType;

typedef struct mstxMemVirtualRangeDesc_t {
  uint32_t deviceId;
  const void* ptr;
  uint64_t size;
} mstxMemVirtualRangeDesc_t;
NPU_CANN_LAYOUT(mstxMemVirtualRangeDesc_t, 24, 8);
typedef struct mstxMemHeapDesc_t {
  mstxMemHeapUsageType usage;
  mstxMemType type;
  const void* typeSpecificDesc;
} mstxMemHeapDesc_t;
NPU_CANN_LAYOUT(mstxMemHeapDesc_t, 16, 8);
typedef struct mstxMemRegionsRegisterBatch_t {
  mstxMemHeapHandle_t heap;
  mstxMemType regionType;
  size_t regionCount;
  const void* regionDescArray;
  mstxMemRegionHandle_t* regionHandleArrayOut;
} mstxMemRegionsRegisterBatch_t;
NPU_CANN_LAYOUT(mstxMemRegionsRegisterBatch_t, 40, 8);
typedef struct mstxMemRegionRef_t {
  mstxMemRegionRefType refType;
  union {
    const void* pointer;
    mstxMemRegionHandle_t handle;
  };
} mstxMemRegionRef_t;
NPU_CANN_LAYOUT(mstxMemRegionRef_t, 16, 8);
typedef struct mstxMemRegionsUnregisterBatch_t {
  size_t refCount;
  const mstxMemRegionRef_t* refArray;
} mstxMemRegionsUnregisterBatch_t;
NPU_CANN_LAYOUT(mstxMemRegionsUnregisterBatch_t, 16, 8);

// Looked up by name: the library is there only where the profiling tools are installed.
mstxDomainHandle_t mstxDomainCreateA(const char* name);
void mstxDomainDestroy(mstxDomainHandle_t handle);
void mstxDomainMarkA(mstxDomainHandle_t handle, const char* message, aclrtStream stream);
void mstxDomainRangeEnd(mstxDomainHandle_t handle, mstxRangeId id);
mstxRangeId mstxDomainRangeStartA(mstxDomainHandle_t handle, const char* message, aclrtStream stream);
void mstxMarkA(const char* message, aclrtStream stream);
mstxMemHeapHandle_t mstxMemHeapRegister(mstxDomainHandle_t domain, const mstxMemHeapDesc_t* desc);
void mstxMemHeapUnregister(mstxDomainHandle_t domain, mstxMemHeapHandle_t heap);
void mstxMemRegionsRegister(mstxDomainHandle_t domain, const mstxMemRegionsRegisterBatch_t* desc);
void mstxMemRegionsUnregister(mstxDomainHandle_t domain, const mstxMemRegionsUnregisterBatch_t* desc);
void mstxRangeEnd(mstxRangeId id);
mstxRangeId mstxRangeStartA(const char* message, aclrtStream stream);

#if defined(__cplusplus)
}  // extern "C"
#endif
