// SPDX-License-Identifier: BSD-3-Clause
// What CANN's operator library (libopapi) has beside the operators of two phases, which aclnn's signatures
// tell.
#pragma once

#include "npu/cann/nnopbase.h"

#if defined(__cplusplus)
extern "C" {
#endif

// Sizes and format of what aclnnNpuFormatCast makes of `srcTensor`. `additionalDtype` is the aclDataType
// whose blocks are meant, -1 the tensor's own. The caller frees `dstShape` with delete[].
aclnnStatus aclnnNpuFormatCastCalculateSizeAndFormat(const aclTensor* srcTensor, const int dstFormat,
                                                     int additionalDtype, int64_t** dstShape,
                                                     uint64_t* dstShapeSize, int* actualFormat);

#if defined(__cplusplus)
}  // extern "C"
#endif
