// SPDX-License-Identifier: BSD-3-Clause
// Sizes and names of the ABI's dtypes.
#include "npu_sim/nnop/objects.h"

namespace npu_sim::nnop {

namespace {
struct Row {
  aclDataType dtype;
  uint32_t bits;
  const char* name;
};

constexpr Row kRows[] = {
    {ACL_FLOAT, 32, "float32"},
    {ACL_FLOAT16, 16, "float16"},
    {ACL_INT8, 8, "int8"},
    {ACL_INT32, 32, "int32"},
    {ACL_UINT8, 8, "uint8"},
    {ACL_INT16, 16, "int16"},
    {ACL_UINT16, 16, "uint16"},
    {ACL_UINT32, 32, "uint32"},
    {ACL_INT64, 64, "int64"},
    {ACL_UINT64, 64, "uint64"},
    {ACL_DOUBLE, 64, "float64"},
    {ACL_BOOL, 8, "bool"},
    {ACL_STRING, 0, "string"},
    {ACL_COMPLEX64, 64, "complex64"},
    {ACL_COMPLEX128, 128, "complex128"},
    {ACL_BF16, 16, "bfloat16"},
    {ACL_INT4, 4, "int4"},
    {ACL_UINT1, 1, "uint1"},
    {ACL_COMPLEX32, 32, "complex32"},
    {ACL_HIFLOAT8, 8, "hifloat8"},
    {ACL_FLOAT8_E5M2, 8, "float8_e5m2"},
    {ACL_FLOAT8_E4M3FN, 8, "float8_e4m3fn"},
    {ACL_FLOAT8_E8M0, 8, "float8_e8m0"},
    {ACL_FLOAT6_E3M2, 6, "float6_e3m2"},
    {ACL_FLOAT6_E2M3, 6, "float6_e2m3"},
    {ACL_FLOAT4_E2M1, 4, "float4_e2m1"},
    {ACL_FLOAT4_E1M2, 4, "float4_e1m2"},
};

const Row* find(aclDataType t) {
  for (const Row& r : kRows)
    if (r.dtype == t) return &r;
  return nullptr;
}
}  // namespace

uint32_t dtype_bits(aclDataType t) {
  const Row* r = find(t);
  return r ? r->bits : 0;
}

const char* dtype_name(aclDataType t) {
  const Row* r = find(t);
  return r ? r->name : "an undefined dtype";
}

}  // namespace npu_sim::nnop
