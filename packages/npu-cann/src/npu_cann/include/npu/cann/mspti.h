// SPDX-License-Identifier: BSD-3-Clause
// CANN profiling ABI (libmspti): activity records, callbacks and their switches.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "npu/cann/acl_types.h"

// Activity records lie back to back in the caller's buffer with members unaligned and each record padded to
// eight bytes; with natural alignment every field after the first odd one would be read from the wrong place.
#define NPU_MSPTI_RECORD __attribute__((packed, aligned(8)))
#if defined(__cplusplus)
#define NPU_CANN_OFFSET(type, field, at) \
  static_assert(offsetof(type, field) == (at), #type "." #field " has moved")
#else
#define NPU_CANN_OFFSET(type, field, at) \
  _Static_assert(offsetof(type, field) == (at), #type "." #field " has moved")
#endif

#if defined(__cplusplus)
extern "C" {
#endif

static const uint32_t ACTIVITY_STRUCT_ALIGNMENT = 8u;
static const uint32_t MSPTI_INVALID_DEVICE_ID = 4294967295u;
static const uint32_t MSPTI_INVALID_STREAM_ID = 4294967295u;
static const uint32_t MSPTI_INVALID_CORRELATION_ID = 0u;

typedef enum msptiResult {
  MSPTI_SUCCESS = 0,
  MSPTI_ERROR_INVALID_PARAMETER = 1,
  MSPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED = 2,
  MSPTI_ERROR_MAX_LIMIT_REACHED = 3,
  MSPTI_ERROR_DEVICE_OFFLINE = 4,
  MSPTI_ERROR_QUEUE_EMPTY = 5,
  MSPTI_ERROR_WITHOUT_LD_PRELOAD = 6,
  MSPTI_ERROR_INNER = 999,
  MSPTI_ERROR_FORCE_INT = 2147483647
} msptiResult;
typedef enum msptiActivityKind {
  MSPTI_ACTIVITY_KIND_INVALID = 0,
  MSPTI_ACTIVITY_KIND_MARKER = 1,
  MSPTI_ACTIVITY_KIND_KERNEL = 2,
  MSPTI_ACTIVITY_KIND_API = 3,
  MSPTI_ACTIVITY_KIND_HCCL = 4,
  MSPTI_ACTIVITY_KIND_MEMORY = 5,
  MSPTI_ACTIVITY_KIND_MEMSET = 6,
  MSPTI_ACTIVITY_KIND_MEMCPY = 7,
  MSPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION = 8,
  MSPTI_ACTIVITY_KIND_COMMUNICATION = 9,
  MSPTI_ACTIVITY_KIND_ACL_API = 10,
  MSPTI_ACTIVITY_KIND_NODE_API = 11,
  MSPTI_ACTIVITY_KIND_RUNTIME_API = 12,
  MSPTI_ACTIVITY_KIND_COUNT = 13,
  MSPTI_ACTIVITY_KIND_FORCE_INT = 2147483647
} msptiActivityKind;
typedef enum msptiActivitySourceKind {
  MSPTI_ACTIVITY_SOURCE_KIND_HOST = 0,
  MSPTI_ACTIVITY_SOURCE_KIND_DEVICE = 1
} msptiActivitySourceKind;
typedef enum msptiExternalCorrelationKind {
  MSPTI_EXTERNAL_CORRELATION_KIND_INVALID = 0,
  MSPTI_EXTERNAL_CORRELATION_KIND_UNKNOWN = 1,
  MSPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0 = 2,
  MSPTI_EXTERNAL_CORRELATION_KIND_CUSTOM1 = 3,
  MSPTI_EXTERNAL_CORRELATION_KIND_CUSTOM2 = 4,
  MSPTI_EXTERNAL_CORRELATION_KIND_SIZE = 5,
  MSPTI_EXTERNAL_CORRELATION_KIND_FORCE_INT = 2147483647
} msptiExternalCorrelationKind;
typedef enum msptiActivityFlag {
  MSPTI_ACTIVITY_FLAG_NONE = 0,
  MSPTI_ACTIVITY_FLAG_MARKER_INSTANTANEOUS = 1,
  MSPTI_ACTIVITY_FLAG_MARKER_START = 2,
  MSPTI_ACTIVITY_FLAG_MARKER_END = 4,
  MSPTI_ACTIVITY_FLAG_MARKER_INSTANTANEOUS_WITH_DEVICE = 8,
  MSPTI_ACTIVITY_FLAG_MARKER_START_WITH_DEVICE = 16,
  MSPTI_ACTIVITY_FLAG_MARKER_END_WITH_DEVICE = 32
} msptiActivityFlag;
typedef enum msptiActivityMemoryOperationType {
  MSPTI_ACTIVITY_MEMORY_OPERATION_TYPE_ALLOCATION = 0,
  MSPTI_ACTIVITY_MEMORY_OPERATION_TYPE_RELEASE = 1
} msptiActivityMemoryOperationType;
typedef enum msptiActivityMemoryKind {
  MSPTI_ACTIVITY_MEMORY_UNKNOWN = 0,
  MSPTI_ACTIVITY_MEMORY_DEVICE = 1
} msptiActivityMemoryKind;
typedef enum msptiActivityMemcpyKind {
  MSPTI_ACTIVITY_MEMCPY_KIND_UNKNOWN = 0,
  MSPTI_ACTIVITY_MEMCPY_KIND_HTOH = 1,
  MSPTI_ACTIVITY_MEMCPY_KIND_HTOD = 2,
  MSPTI_ACTIVITY_MEMCPY_KIND_DTOH = 3,
  MSPTI_ACTIVITY_MEMCPY_KIND_DTOD = 4,
  MSPTI_ACTIVITY_MEMCPY_KIND_DEFAULT = 5
} msptiActivityMemcpyKind;
typedef enum msptiCommunicationDataType {
  MSPTI_ACTIVITY_COMMUNICATION_INT8 = 0,
  MSPTI_ACTIVITY_COMMUNICATION_INT16 = 1,
  MSPTI_ACTIVITY_COMMUNICATION_INT32 = 2,
  MSPTI_ACTIVITY_COMMUNICATION_FP16 = 3,
  MSPTI_ACTIVITY_COMMUNICATION_FP32 = 4,
  MSPTI_ACTIVITY_COMMUNICATION_INT64 = 5,
  MSPTI_ACTIVITY_COMMUNICATION_UINT64 = 6,
  MSPTI_ACTIVITY_COMMUNICATION_UINT8 = 7,
  MSPTI_ACTIVITY_COMMUNICATION_UINT16 = 8,
  MSPTI_ACTIVITY_COMMUNICATION_UINT32 = 9,
  MSPTI_ACTIVITY_COMMUNICATION_FP64 = 10,
  MSPTI_ACTIVITY_COMMUNICATION_BFP16 = 11,
  MSPTI_ACTIVITY_COMMUNICATION_INT128 = 12,
  MSPTI_ACTIVITY_COMMUNICATION_HIF8 = 14,
  MSPTI_ACTIVITY_COMMUNICATION_FP8E4M3 = 15,
  MSPTI_ACTIVITY_COMMUNICATION_FP8E5M2 = 16,
  MSPTI_ACTIVITY_COMMUNICATION_FP8E8M0 = 17,
  MSPTI_ACTIVITY_COMMUNICATION_INVALID_TYPE = 65535
} msptiCommunicationDataType;
typedef enum msptiCallbackIdRuntime {
  MSPTI_CBID_RUNTIME_INVALID = 0,
  MSPTI_CBID_RUNTIME_DEVICE_SET = 1,
  MSPTI_CBID_RUNTIME_DEVICE_RESET = 2,
  MSPTI_CBID_RUNTIME_DEVICE_SET_EX = 3,
  MSPTI_CBID_RUNTIME_CONTEXT_CREATED_EX = 4,
  MSPTI_CBID_RUNTIME_CONTEXT_CREATED = 5,
  MSPTI_CBID_RUNTIME_CONTEXT_DESTROY = 6,
  MSPTI_CBID_RUNTIME_STREAM_CREATED = 7,
  MSPTI_CBID_RUNTIME_STREAM_DESTROY = 8,
  MSPTI_CBID_RUNTIME_STREAM_SYNCHRONIZED = 9,
  MSPTI_CBID_RUNTIME_LAUNCH = 10,
  MSPTI_CBID_RUNTIME_CPU_LAUNCH = 11,
  MSPTI_CBID_RUNTIME_AICPU_LAUNCH = 12,
  MSPTI_CBID_RUNTIME_AIV_LAUNCH = 13,
  MSPTI_CBID_RUNTIME_FFTS_LAUNCH = 14,
  MSPTI_CBID_RUNTIME_MALLOC = 15,
  MSPTI_CBID_RUNTIME_FREE = 16,
  MSPTI_CBID_RUNTIME_MALLOC_HOST = 17,
  MSPTI_CBID_RUNTIME_FREE_HOST = 18,
  MSPTI_CBID_RUNTIME_MALLOC_CACHED = 19,
  MSPTI_CBID_RUNTIME_FLUSH_CACHE = 20,
  MSPTI_CBID_RUNTIME_INVALID_CACHE = 21,
  MSPTI_CBID_RUNTIME_MEMCPY = 22,
  MSPTI_CBID_RUNTIME_MEMCPY_HOST = 23,
  MSPTI_CBID_RUNTIME_MEMCPY_ASYNC = 24,
  MSPTI_CBID_RUNTIME_MEM_CPY2D = 25,
  MSPTI_CBID_RUNTIME_MEM_CPY2D_ASYNC = 26,
  MSPTI_CBID_RUNTIME_MEM_SET = 27,
  MSPTI_CBID_RUNTIME_MEM_SET_ASYNC = 28,
  MSPTI_CBID_RUNTIME_MEM_GET_INFO = 29,
  MSPTI_CBID_RUNTIME_RESERVE_MEM_ADDRESS = 30,
  MSPTI_CBID_RUNTIME_RELEASE_MEM_ADDRESS = 31,
  MSPTI_CBID_RUNTIME_MALLOC_PHYSICAL = 32,
  MSPTI_CBID_RUNTIME_FREE_PHYSICAL = 33,
  MSPTI_CBID_RUNTIME_MEM_EXPORT_TO_SHAREABLE_HANDLE = 34,
  MSPTI_CBID_RUNTIME_MEM_IMPORT_FROM_SHAREABLE_HANDLE = 35,
  MSPTI_CBID_RUNTIME_MEM_SET_PID_TO_SHAREABLE_HANDLE = 36,
  MSPTI_CBID_RUNTIME_SIZE = 37,
  MSPTI_CBID_RUNTIME_FORCE_INT = 2147483647
} msptiCallbackIdRuntime;
typedef enum msptiCallbackIdHccl {
  MSPTI_CBID_HCCL_INVALID = 0,
  MSPTI_CBID_HCCL_ALLREDUCE = 1,
  MSPTI_CBID_HCCL_BROADCAST = 2,
  MSPTI_CBID_HCCL_ALLGATHER = 3,
  MSPTI_CBID_HCCL_REDUCE_SCATTER = 4,
  MSPTI_CBID_HCCL_REDUCE = 5,
  MSPTI_CBID_HCCL_ALL_TO_ALL = 6,
  MSPTI_CBID_HCCL_ALL_TO_ALLV = 7,
  MSPTI_CBID_HCCL_BARRIER = 8,
  MSPTI_CBID_HCCL_SCATTER = 9,
  MSPTI_CBID_HCCL_SEND = 10,
  MSPTI_CBID_HCCL_RECV = 11,
  MSPTI_CBID_HCCL_SENDRECV = 12,
  MSPTI_CBID_HCCL_SIZE = 13,
  MSPTI_CBID_HCCL_FORCE_INT = 2147483647
} msptiCallbackIdHccl;
typedef enum msptiCallbackDomain {
  MSPTI_CB_DOMAIN_INVALID = 0,
  MSPTI_CB_DOMAIN_RUNTIME = 1,
  MSPTI_CB_DOMAIN_HCCL = 2,
  MSPTI_CB_DOMAIN_SIZE = 3,
  MSPTI_CB_DOMAIN_FORCE_INT = 2147483647
} msptiCallbackDomain;
typedef enum msptiApiCallbackSite {
  MSPTI_API_ENTER = 0,
  MSPTI_API_EXIT = 1,
  MSPTI_API_CBSITE_FORCE_INT = 2147483647
} msptiApiCallbackSite;

// CANN itself puts the eight-byte aligned msptiObjectId at offset 28 of a record.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpacked-not-aligned"
typedef struct NPU_MSPTI_RECORD msptiActivity {
  msptiActivityKind kind;
} msptiActivity;
NPU_CANN_LAYOUT(msptiActivity, 8, 8);
typedef union NPU_MSPTI_RECORD msptiObjectId {
  struct {
    uint32_t processId;
    uint32_t threadId;
  } pt;
  struct {
    uint32_t deviceId;
    uint32_t streamId;
  } ds;
} msptiObjectId;
NPU_CANN_LAYOUT(msptiObjectId, 8, 8);
typedef struct NPU_MSPTI_RECORD msptiActivityMarker {
  msptiActivityKind kind;
  msptiActivityFlag flag;
  msptiActivitySourceKind sourceKind;
  uint64_t timestamp;
  uint64_t id;
  msptiObjectId objectId;
  const char* name;
  const char* domain;
} msptiActivityMarker;
NPU_CANN_LAYOUT(msptiActivityMarker, 56, 8);
NPU_CANN_OFFSET(msptiActivityMarker, domain, 44);
typedef struct NPU_MSPTI_RECORD msptiActivityApi {
  msptiActivityKind kind;
  uint64_t start;
  uint64_t end;
  struct {
    uint32_t processId;
    uint32_t threadId;
  } pt;
  uint64_t correlationId;
  const char* name;
} msptiActivityApi;
NPU_CANN_LAYOUT(msptiActivityApi, 48, 8);
NPU_CANN_OFFSET(msptiActivityApi, name, 36);
typedef struct NPU_MSPTI_RECORD msptiActivityKernel {
  msptiActivityKind kind;
  uint64_t start;
  uint64_t end;
  struct {
    uint32_t deviceId;
    uint32_t streamId;
  } ds;
  uint64_t correlationId;
  const char* type;
  const char* name;
} msptiActivityKernel;
NPU_CANN_LAYOUT(msptiActivityKernel, 56, 8);
NPU_CANN_OFFSET(msptiActivityKernel, name, 44);
typedef struct NPU_MSPTI_RECORD msptiActivityHccl {
  msptiActivityKind kind;
  uint64_t start;
  uint64_t end;
  struct {
    uint32_t deviceId;
    uint32_t streamId;
  } ds;
  double bandWidth;
  const char* name;
  const char* commName;
} msptiActivityHccl;
NPU_CANN_LAYOUT(msptiActivityHccl, 56, 8);
NPU_CANN_OFFSET(msptiActivityHccl, commName, 44);
typedef struct NPU_MSPTI_RECORD msptiActivityMemory {
  msptiActivityKind kind;
  msptiActivityMemoryOperationType memoryOperationType;
  msptiActivityMemoryKind memoryKind;
  uint64_t correlationId;
  uint64_t start;
  uint64_t end;
  uint64_t address;
  uint64_t bytes;
  uint32_t processId;
  uint32_t deviceId;
  uint32_t streamId;
} msptiActivityMemory;
NPU_CANN_LAYOUT(msptiActivityMemory, 64, 8);
NPU_CANN_OFFSET(msptiActivityMemory, streamId, 60);
typedef struct NPU_MSPTI_RECORD msptiActivityMemset {
  msptiActivityKind kind;
  uint32_t value;
  uint64_t bytes;
  uint64_t start;
  uint64_t end;
  uint32_t deviceId;
  uint32_t streamId;
  uint64_t correlationId;
  uint8_t isAsync;
} msptiActivityMemset;
NPU_CANN_LAYOUT(msptiActivityMemset, 56, 8);
NPU_CANN_OFFSET(msptiActivityMemset, isAsync, 48);
typedef struct NPU_MSPTI_RECORD msptiActivityMemcpy {
  msptiActivityKind kind;
  msptiActivityMemcpyKind copyKind;
  uint64_t bytes;
  uint64_t start;
  uint64_t end;
  uint32_t deviceId;
  uint32_t streamId;
  uint64_t correlationId;
  uint8_t isAsync;
} msptiActivityMemcpy;
NPU_CANN_LAYOUT(msptiActivityMemcpy, 56, 8);
NPU_CANN_OFFSET(msptiActivityMemcpy, isAsync, 48);
typedef struct NPU_MSPTI_RECORD msptiActivityExternalCorrelation {
  msptiActivityKind kind;
  msptiExternalCorrelationKind externalKind;
  uint64_t externalId;
  uint64_t correlationId;
} msptiActivityExternalCorrelation;
NPU_CANN_LAYOUT(msptiActivityExternalCorrelation, 24, 8);
NPU_CANN_OFFSET(msptiActivityExternalCorrelation, correlationId, 16);
typedef struct NPU_MSPTI_RECORD msptiActivityCommunication {
  msptiActivityKind kind;
  msptiCommunicationDataType dataType;
  uint64_t count;
  struct {
    uint32_t deviceId;
    uint32_t streamId;
  } ds;
  uint64_t start;
  uint64_t end;
  const char* algType;
  const char* name;
  const char* commName;
  uint64_t correlationId;
} msptiActivityCommunication;
NPU_CANN_LAYOUT(msptiActivityCommunication, 72, 8);
NPU_CANN_OFFSET(msptiActivityCommunication, correlationId, 64);
typedef struct msptiCallbackData {
  msptiApiCallbackSite callbackSite;
  const char* functionName;
  const void* functionParams;
  const void* functionReturnValue;
  const char* symbolName;
  uint64_t correlationId;
  uint64_t reserved1;
  uint64_t reserved2;
  uint64_t* correlationData;
} msptiCallbackData;
NPU_CANN_LAYOUT(msptiCallbackData, 72, 8);
#pragma GCC diagnostic pop

typedef void (*msptiBuffersCallbackRequestFunc)(uint8_t**, size_t*, size_t*);
typedef void (*msptiBuffersCallbackCompleteFunc)(uint8_t*, size_t, size_t);
typedef uint32_t msptiCallbackId;
typedef void (*msptiCallbackFunc)(void*, msptiCallbackDomain, uint32_t, const msptiCallbackData*);
typedef struct msptiSubscriber_st* msptiSubscriberHandle;

// Looked up by name: libmspti is there only where the profiling tools are installed.
msptiResult msptiActivityDisable(msptiActivityKind kind);
msptiResult msptiActivityEnable(msptiActivityKind kind);
msptiResult msptiActivityFlushAll(uint32_t flag);
msptiResult msptiActivityGetNextRecord(uint8_t* buffer, size_t validBufferSizeBytes, msptiActivity** record);
bool msptiActivityIsEnabled(msptiActivityKind kind);
msptiResult msptiActivityPopExternalCorrelationId(msptiExternalCorrelationKind kind, uint64_t* lastId);
msptiResult msptiActivityPushExternalCorrelationId(msptiExternalCorrelationKind kind, uint64_t id);
msptiResult msptiActivityRegisterCallbacks(msptiBuffersCallbackRequestFunc funcBufferRequested,
                                           msptiBuffersCallbackCompleteFunc funcBufferCompleted);
msptiResult msptiSubscribe(msptiSubscriberHandle* subscriber, msptiCallbackFunc callback, void* userdata);
msptiResult msptiUnsubscribe(msptiSubscriberHandle subscriber);

// Declared by CANN, not used by torch_npu.
msptiResult msptiActivityDisableMarkerDomain(const char* name);
msptiResult msptiActivityEnableMarkerDomain(const char* name);
msptiResult msptiActivityFlushPeriod(uint32_t time);
msptiResult msptiEnableCallback(uint32_t enable, msptiSubscriberHandle subscriber, msptiCallbackDomain domain,
                                msptiCallbackId cbid);
msptiResult msptiEnableDomain(uint32_t enable, msptiSubscriberHandle subscriber, msptiCallbackDomain domain);

#if defined(__cplusplus)
}  // extern "C"
#endif
