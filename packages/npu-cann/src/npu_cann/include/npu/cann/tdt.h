// SPDX-License-Identifier: BSD-3-Clause
// CANN tensor channels (libacl_tdt_channel): what a device sends to its host while a graph runs.
#pragma once

#include "npu/cann/acl_types.h"

#if defined(__cplusplus)
extern "C" {
#endif

typedef struct acltdtChannelHandle acltdtChannelHandle;
typedef struct acltdtDataItem acltdtDataItem;
typedef struct acltdtDataset acltdtDataset;

// Required by graph compilers; every supported CANN exports these.
acltdtChannelHandle* acltdtCreateChannelWithCapacity(uint32_t deviceId, const char* name, size_t capacity);
acltdtDataset* acltdtCreateDataset(void);
aclError acltdtDestroyChannel(acltdtChannelHandle* handle);
aclError acltdtDestroyDataset(acltdtDataset* dataset);
void* acltdtGetDataAddrFromItem(const acltdtDataItem* dataItem);
acltdtDataItem* acltdtGetDataItem(const acltdtDataset* dataset, size_t index);
size_t acltdtGetDataSizeFromItem(const acltdtDataItem* dataItem);
aclDataType acltdtGetDataTypeFromItem(const acltdtDataItem* dataItem);
size_t acltdtGetDatasetSize(const acltdtDataset* dataset);
size_t acltdtGetDimNumFromItem(const acltdtDataItem* dataItem);
aclError acltdtGetDimsFromItem(const acltdtDataItem* dataItem, int64_t* dims, size_t dimNum);
aclError acltdtReceiveTensor(const acltdtChannelHandle* handle, acltdtDataset* dataset, int32_t timeout);

#if defined(__cplusplus)
}  // extern "C"
#endif
