// SPDX-License-Identifier: BSD-3-Clause
// torch's names of CANN's dtypes, for messages, and their sizes.
#pragma once

#include <npu/cann/acl_types.h>

#include <cstddef>

namespace npu {

struct DtypeInfo {
  const char* name;
  size_t bytes;  // 0 for types below a byte
};

inline DtypeInfo dtype_info(int dtype) {
  switch (dtype) {
    case ACL_FLOAT:
      return {"float32", 4};
    case ACL_FLOAT16:
      return {"float16", 2};
    case ACL_BF16:
      return {"bfloat16", 2};
    case ACL_DOUBLE:
      return {"float64", 8};
    case ACL_INT8:
      return {"int8", 1};
    case ACL_INT16:
      return {"int16", 2};
    case ACL_INT32:
      return {"int32", 4};
    case ACL_INT64:
      return {"int64", 8};
    case ACL_UINT8:
      return {"uint8", 1};
    case ACL_UINT16:
      return {"uint16", 2};
    case ACL_UINT32:
      return {"uint32", 4};
    case ACL_UINT64:
      return {"uint64", 8};
    case ACL_BOOL:
      return {"bool", 1};
    case ACL_COMPLEX32:
      return {"complex32", 4};
    case ACL_COMPLEX64:
      return {"complex64", 8};
    case ACL_COMPLEX128:
      return {"complex128", 16};
    case ACL_FLOAT8_E5M2:
      return {"float8_e5m2", 1};
    case ACL_FLOAT8_E4M3FN:
      return {"float8_e4m3fn", 1};
    case ACL_HIFLOAT8:
      return {"hifloat8", 1};
    default:
      return {"?", 0};
  }
}

}  // namespace npu
