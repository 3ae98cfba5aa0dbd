// SPDX-License-Identifier: BSD-3-Clause
// CANN profiling ABI (Msprof*, libprofapi): what a client reports of itself to a running session.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "npu/cann/acl_types.h"

#if defined(__cplusplus)
extern "C" {
#endif

typedef void* VOID_PTR;
// Told of a session's start and stop: the kind of command (PROF_CTRL_SWITCH), a MsprofCommandHandle, its
// size.
typedef int (*ProfCommandHandle)(unsigned int, void*, unsigned int);

typedef enum MsprofErrorCode { MSPROF_ERROR_NONE = 0 } MsprofErrorCode;
typedef enum MsprofCommandHandleType {
  PROF_COMMANDHANDLE_TYPE_INIT = 0,
  PROF_COMMANDHANDLE_TYPE_START = 1,
  PROF_COMMANDHANDLE_TYPE_STOP = 2,
  PROF_COMMANDHANDLE_TYPE_FINALIZE = 3,
  PROF_COMMANDHANDLE_TYPE_MODEL_SUBSCRIBE = 4,
  PROF_COMMANDHANDLE_TYPE_MODEL_UNSUBSCRIBE = 5,
  PROF_COMMANDHANDLE_TYPE_MAX = 6
} MsprofCommandHandleType;
typedef enum ProfCtrlType { PROF_CTRL_INVALID = 0, PROF_CTRL_SWITCH = 1 } ProfCtrlType;

typedef struct MsprofCommandHandleParams {
  uint32_t pathLen;
  uint32_t storageLimit;
  uint32_t profDataLen;
  char path[1024];
  char profData[4096];
} MsprofCommandHandleParams;
NPU_CANN_LAYOUT(MsprofCommandHandleParams, 5132, 4);
typedef struct MsprofCommandHandle {
  uint64_t profSwitch;
  uint64_t profSwitchHi;
  uint32_t devNums;
  uint32_t devIdList[64];
  uint32_t modelId;
  uint32_t type;
  uint32_t cacheFlag;
  MsprofCommandHandleParams params;
} MsprofCommandHandle;
NPU_CANN_LAYOUT(MsprofCommandHandle, 5424, 8);
typedef struct __attribute__((packed)) MsprofNodeBasicInfo {
  uint64_t opName;
  uint32_t taskType;
  uint64_t opType;
  uint32_t blockDim;
  uint32_t opFlag;
} MsprofNodeBasicInfo;
NPU_CANN_LAYOUT(MsprofNodeBasicInfo, 28, 1);
typedef struct MsprofApi {
  uint16_t magicNumber;
  uint16_t level;
  uint32_t type;
  uint32_t threadId;
  uint32_t reserve;
  uint64_t beginTime;
  uint64_t endTime;
  uint64_t itemId;
} MsprofApi;
NPU_CANN_LAYOUT(MsprofApi, 40, 8);
typedef struct MsprofCompactInfo {
  uint16_t magicNumber;
  uint16_t level;
  uint32_t type;
  uint32_t threadId;
  uint32_t dataLen;
  uint64_t timeStamp;
  union {
    uint8_t info[40];
    MsprofNodeBasicInfo nodeBasicInfo;
  } data;
} MsprofCompactInfo;
NPU_CANN_LAYOUT(MsprofCompactInfo, 64, 8);
typedef struct MsprofAdditionalInfo {
  uint16_t magicNumber;
  uint16_t level;
  uint32_t type;
  uint32_t threadId;
  uint32_t dataLen;
  uint64_t timeStamp;
  uint8_t data[232];
} MsprofAdditionalInfo;
NPU_CANN_LAYOUT(MsprofAdditionalInfo, 256, 8);

// Required: torch_npu's library does not load without these.
uint64_t MsprofGetHashId(const char* hashInfo, size_t length);
int32_t MsprofRegisterCallback(uint32_t moduleId, ProfCommandHandle handle);
int32_t MsprofReportAdditionalInfo(uint32_t nonPersistantFlag, const VOID_PTR data, uint32_t length);
int32_t MsprofReportApi(uint32_t nonPersistantFlag, const struct MsprofApi* api);
int32_t MsprofReportCompactInfo(uint32_t nonPersistantFlag, const VOID_PTR data, uint32_t length);
uint64_t MsprofSysCycleTime(void);

// Declared by CANN, not used by torch_npu.
char* MsprofId2Str(const uint64_t Id);
uint64_t MsprofStr2Id(const char* hashInfo, size_t length);

#if defined(__cplusplus)
}  // extern "C"
#endif
