// SPDX-License-Identifier: BSD-3-Clause
// CANN profiling ABI (aclprof*, libmsprofiler): sessions that write what the device did into a folder.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "npu/cann/acl_types.h"

#if defined(__cplusplus)
extern "C" {
#endif

// Switches of a session, for aclprofCreateConfig's dataTypeConfig.
static const uint64_t ACL_PROF_TASK_TIME = 2u;
static const uint64_t ACL_PROF_AICORE_METRICS = 4u;
static const uint64_t ACL_PROF_AICPU = 8u;
static const uint64_t ACL_PROF_L2CACHE = 16u;
static const uint64_t ACL_PROF_HCCL_TRACE = 32u;
static const uint64_t ACL_PROF_TRAINING_TRACE = 64u;
static const uint64_t ACL_PROF_MSPROFTX = 128u;
static const uint64_t ACL_PROF_GE_API_L0 = 512u;
static const uint64_t ACL_PROF_TASK_TIME_L0 = 2048u;
static const uint64_t ACL_PROF_TASK_MEMORY = 4096u;
static const uint64_t ACL_PROF_GE_API_L1 = 16777216u;
static const uint64_t ACL_PROF_TASK_TIME_L2 = 8192u;
static const uint64_t ACL_PROF_OP_ATTR = 16384u;
static const uint64_t ACL_PROF_TASK_TIME_L3 = 32768u;
static const uint64_t ACL_PROF_API_STATS = 17179869184ull;

typedef enum aclprofAicoreMetrics {
  ACL_AICORE_ARITHMETIC_UTILIZATION = 0,
  ACL_AICORE_PIPE_UTILIZATION = 1,
  ACL_AICORE_MEMORY_BANDWIDTH = 2,
  ACL_AICORE_L0B_AND_WIDTH = 3,
  ACL_AICORE_RESOURCE_CONFLICT_RATIO = 4,
  ACL_AICORE_MEMORY_UB = 5,
  ACL_AICORE_L2_CACHE = 6,
  ACL_AICORE_PIPE_EXECUTE_UTILIZATION = 7,
  ACL_AICORE_MEMORY_ACCESS = 8,
  ACL_AICORE_NONE = 255
} aclprofAicoreMetrics;
typedef enum aclprofStepTag { ACL_STEP_START = 0, ACL_STEP_END = 1 } aclprofStepTag;
typedef enum aclprofConfigType {
  ACL_PROF_ARGS_MIN = 0,
  ACL_PROF_STORAGE_LIMIT = 1,
  ACL_PROF_SYS_HARDWARE_MEM_FREQ = 3,
  ACL_PROF_LLC_MODE = 4,
  ACL_PROF_SYS_IO_FREQ = 5,
  ACL_PROF_SYS_INTERCONNECTION_FREQ = 6,
  ACL_PROF_DVPP_FREQ = 7,
  ACL_PROF_HOST_SYS = 8,
  ACL_PROF_HOST_SYS_USAGE = 9,
  ACL_PROF_HOST_SYS_USAGE_FREQ = 10,
  ACL_PROF_LOW_POWER_FREQ = 11,
  ACL_PROF_SYS_MEM_SERVICEFLOW = 12,
  ACL_PROF_SYS_CPU_FREQ = 13,
  ACL_PROF_OPTYPE = 14,
  ACL_PROF_NTS_METRICS = 15,
  ACL_PROF_PATH = 16,
  ACL_PROF_ARGS_MAX = 17
} aclprofConfigType;

typedef struct aclprofAicoreEvents aclprofAicoreEvents;
typedef struct aclprofConfig aclprofConfig;
typedef struct aclprofStepInfo aclprofStepInfo;

// What aclprofGetSupportedFeatures answers an array of. Clients read it as a C++ class whose two bases have
// virtual destructors: the pointers in front of both parts are never followed.
typedef struct aclprofSupportedFeature {
  const void* vptr;
  char featureName[64];
  const void* infoVptr;
  char compatibility[16];
  char featureVersion[16];
  char affectedComponent[16];
  char affectedComponentVersion[16];
  char infoLog[128];
} aclprofSupportedFeature;
NPU_CANN_LAYOUT(aclprofSupportedFeature, 272, 8);

// Looked up by name, on libascendcl's handle and on libmsprofiler's.
aclprofConfig* aclprofCreateConfig(uint32_t* deviceIdList, uint32_t deviceNums,
                                   aclprofAicoreMetrics aicoreMetrics,
                                   const aclprofAicoreEvents* aicoreEvents, uint64_t dataTypeConfig);
aclprofStepInfo* aclprofCreateStepInfo(void);
aclError aclprofDestroyConfig(const aclprofConfig* profilerConfig);
void aclprofDestroyStepInfo(aclprofStepInfo* stepinfo);
aclError aclprofFinalize(void);
aclError aclprofGetStepTimestamp(aclprofStepInfo* stepInfo, aclprofStepTag tag, aclrtStream stream);
aclError aclprofInit(const char* profilerResultPath, size_t length);
aclError aclprofMarkEx(const char* msg, size_t msgLen, aclrtStream stream);
aclError aclprofSetConfig(aclprofConfigType configType, const char* config, size_t configLength);
aclError aclprofStart(const aclprofConfig* profilerConfig);
aclError aclprofStop(const aclprofConfig* profilerConfig);
aclError aclprofWarmup(const aclprofConfig* profilerConfig);
aclError aclprofGetSupportedFeatures(size_t* featuresSize, void** featuresData);
aclError aclprofGetSupportedFeaturesV2(size_t* featuresSize, void** featuresData);
aclError aclprofRegisterDeviceCallback(void);

#if defined(__cplusplus)
}  // extern "C"
#endif
