// SPDX-License-Identifier: BSD-3-Clause
// Every CANN symbol that npu-core calls, in two lists.
//
// X(library, name): `library` is `acl` (libascendcl.so) or `nnop` (libnnopbase.so, found by the op-api
// search). A missing REQUIRED symbol makes the runtime unusable, with a reason that names it. A missing
// OPTIONAL one turns off what needs it: calling it raises NotImplementedError, and `cann().has_NAME` tells
// beforehand.
#pragma once

// clang-format off
#define NPU_CANN_REQUIRED(X) \
  X(acl, aclInit) \
  X(acl, aclGetRecentErrMsg) \
  X(acl, aclrtGetDeviceCount) \
  X(acl, aclrtSetDevice) \
  X(acl, aclrtGetSocName) \
  X(acl, aclrtGetMemInfo) \
  X(acl, aclrtDeviceCanAccessPeer) \
  X(acl, aclrtDeviceEnablePeerAccess) \
  X(acl, aclrtSynchronizeDevice) \
  X(acl, aclrtCreateStreamWithConfig) \
  X(acl, aclrtSynchronizeStream) \
  X(acl, aclrtStreamQuery) \
  X(acl, aclrtStreamWaitEvent) \
  X(acl, aclrtCreateEventExWithFlag) \
  X(acl, aclrtDestroyEvent) \
  X(acl, aclrtRecordEvent) \
  X(acl, aclrtSynchronizeEvent) \
  X(acl, aclrtQueryEventStatus) \
  X(acl, aclrtEventElapsedTime) \
  X(acl, aclrtMalloc) \
  X(acl, aclrtFree) \
  X(acl, aclrtMallocHost) \
  X(acl, aclrtFreeHost) \
  X(acl, aclrtMemcpy) \
  X(acl, aclrtMemcpyAsync) \
  X(acl, aclrtMemset) \
  X(nnop, aclCreateTensor) \
  X(nnop, aclCreateScalar) \
  X(nnop, aclCreateIntArray) \
  X(nnop, aclCreateFloatArray) \
  X(nnop, aclCreateBoolArray) \
  X(nnop, aclCreateTensorList) \
  X(nnop, aclCreateScalarList) \
  X(nnop, aclDestroyTensor) \
  X(nnop, aclDestroyScalar) \
  X(nnop, aclDestroyIntArray) \
  X(nnop, aclDestroyFloatArray) \
  X(nnop, aclDestroyBoolArray) \
  X(nnop, aclDestroyTensorList) \
  X(nnop, aclDestroyScalarList) \
  X(nnop, aclGetViewShape)

#define NPU_CANN_OPTIONAL(X) \
  X(acl, aclGetCannAttribute) \
  X(acl, aclmdlFinalizeDump) \
  X(acl, aclmdlInitDump) \
  X(acl, aclmdlRICaptureBegin) \
  X(acl, aclmdlRICaptureEnd) \
  X(acl, aclmdlRICaptureGetInfo) \
  X(acl, aclmdlRICaptureTaskGrpBegin) \
  X(acl, aclmdlRICaptureTaskGrpEnd) \
  X(acl, aclmdlRICaptureTaskUpdateBegin) \
  X(acl, aclmdlRICaptureTaskUpdateEnd) \
  X(acl, aclmdlRICaptureThreadExchangeMode) \
  X(acl, aclmdlRIDebugJsonPrint) \
  X(acl, aclmdlRIDestroy) \
  X(acl, aclmdlRIExecuteAsync) \
  X(acl, aclmdlSetDump) \
  X(acl, aclrtCtxSetSysParamOpt) \
  X(acl, aclrtDeviceGetStreamPriorityRange) \
  X(acl, aclrtDeviceGetUuid) \
  X(acl, aclrtDeviceTaskAbort) \
  X(acl, aclrtFreePhysical) \
  X(acl, aclrtGetDeviceInfo) \
  X(acl, aclrtGetDeviceResLimit) \
  X(acl, aclrtGetDeviceUtilizationRate) \
  X(acl, aclrtGetMemUceInfo) \
  X(acl, aclrtGetStreamResLimit) \
  X(acl, aclrtGetVersion) \
  X(acl, aclrtHostRegister) \
  X(acl, aclrtHostUnregister) \
  X(acl, aclrtIpcGetEventHandle) \
  X(acl, aclrtIpcMemClose) \
  X(acl, aclrtIpcMemGetExportKey) \
  X(acl, aclrtIpcMemImportByKey) \
  X(acl, aclrtIpcOpenEventHandle) \
  X(acl, aclrtMallocAlign32) \
  X(acl, aclrtMallocPhysical) \
  X(acl, aclrtMapMem) \
  X(acl, aclrtMemExportToShareableHandle) \
  X(acl, aclrtMemImportFromShareableHandle) \
  X(acl, aclrtMemsetAsync) \
  X(acl, aclrtPointerGetAttributes) \
  X(acl, aclrtReleaseMemAddress) \
  X(acl, aclrtReserveMemAddress) \
  X(acl, aclrtResetDeviceResLimit) \
  X(acl, aclrtResetEvent) \
  X(acl, aclrtResetStreamResLimit) \
  X(acl, aclrtSetDeviceResLimit) \
  X(acl, aclrtSetOpExecuteTimeOutV2) \
  X(acl, aclrtSetStreamResLimit) \
  X(acl, aclrtSetSysParamOpt) \
  X(acl, aclrtSynchronizeDeviceWithTimeout) \
  X(acl, aclrtUnmapMem) \
  X(acl, aclsysGetCANNVersion) \
  X(acl, aclsysGetVersionStr) \
  X(nnop, aclInitTensor) \
  X(nnop, aclSetAclOpExecutorRepeatable) \
  X(nnop, aclDestroyAclOpExecutor) \
  X(nnop, aclSetInputTensorAddr) \
  X(nnop, aclSetOutputTensorAddr) \
  X(nnop, aclSetDynamicInputTensorAddr) \
  X(nnop, aclSetDynamicOutputTensorAddr)
// clang-format on
