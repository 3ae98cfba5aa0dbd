// SPDX-License-Identifier: BSD-3-Clause
// The older runtime ABI (libruntime, rt*): registering and launching kernel binaries.
#pragma once

#include "npu/cann/acl_types.h"

#if defined(__cplusplus)
extern "C" {
#endif

typedef int32_t rtError_t;  // the codes of error.h
typedef void* rtStream_t;
typedef struct tagRtSmCtrl rtSmDesc_t;
typedef struct tagRtDevBinary {
  uint32_t magic;
  uint32_t version;
  const void* data;
  uint64_t length;
} rtDevBinary_t;
NPU_CANN_LAYOUT(rtDevBinary_t, 24, 8);

rtError_t rtDevBinaryRegister(const rtDevBinary_t* bin, void** handle);
rtError_t rtFunctionRegister(void* binHandle, const void* stubFunc, const char* stubName, const void* devFunc,
                             uint32_t funcMode);
rtError_t rtGetC2cCtrlAddr(uint64_t* addr, uint32_t* len);
rtError_t rtKernelLaunch(const void* stubFunc, uint32_t blockDim, void* args, uint32_t argsSize,
                         rtSmDesc_t* smDesc, rtStream_t stream);

#if defined(__cplusplus)
}  // extern "C"
#endif
