#include "dtype.h"

#include "npu_sim/soc.h"

namespace npu_sim::hccl {
namespace {

struct Dtype {
  HcclDataType dtype;
  const char* name;
  size_t size;
  enum { no, yes, on_950 } reduces;
};

constexpr Dtype kDtypes[] = {
    {HCCL_DATA_TYPE_INT8, "int8", 1, Dtype::yes},        {HCCL_DATA_TYPE_INT16, "int16", 2, Dtype::yes},
    {HCCL_DATA_TYPE_INT32, "int32", 4, Dtype::yes},      {HCCL_DATA_TYPE_FP16, "fp16", 2, Dtype::yes},
    {HCCL_DATA_TYPE_FP32, "fp32", 4, Dtype::yes},        {HCCL_DATA_TYPE_INT64, "int64", 8, Dtype::yes},
    {HCCL_DATA_TYPE_UINT64, "uint64", 8, Dtype::on_950}, {HCCL_DATA_TYPE_UINT8, "uint8", 1, Dtype::no},
    {HCCL_DATA_TYPE_UINT16, "uint16", 2, Dtype::no},     {HCCL_DATA_TYPE_UINT32, "uint32", 4, Dtype::no},
    {HCCL_DATA_TYPE_FP64, "fp64", 8, Dtype::on_950},     {HCCL_DATA_TYPE_BFP16, "bfp16", 2, Dtype::yes},
    {HCCL_DATA_TYPE_INT128, "int128", 16, Dtype::no},    {HCCL_DATA_TYPE_HIF8, "hif8", 1, Dtype::no},
    {HCCL_DATA_TYPE_FP8E4M3, "fp8e4m3", 1, Dtype::no},   {HCCL_DATA_TYPE_FP8E5M2, "fp8e5m2", 1, Dtype::no},
    {HCCL_DATA_TYPE_FP8E8M0, "fp8e8m0", 1, Dtype::no},
};

const Dtype* find(HcclDataType dtype) {
  for (const Dtype& d : kDtypes)
    if (d.dtype == dtype) return &d;
  return nullptr;
}

}  // namespace

size_t element_size(HcclDataType dtype) {
  const Dtype* d = find(dtype);
  return d ? d->size : 0;
}

const char* dtype_name(HcclDataType dtype) {
  const Dtype* d = find(dtype);
  return d ? d->name : "unknown dtype";
}

const char* op_name(HcclReduceOp op) {
  static constexpr const char* kNames[] = {"sum", "prod", "max", "min"};
  return static_cast<size_t>(op) < 4 ? kNames[static_cast<size_t>(op)] : "unknown operation";
}

bool reducible(HcclDataType dtype) {
  const Dtype* d = find(dtype);
  if (!d) return false;
  if (dtype == HCCL_DATA_TYPE_BFP16) return soc().bf16;
  return d->reduces == Dtype::yes || (d->reduces == Dtype::on_950 && soc().arch == 3510);
}

}  // namespace npu_sim::hccl
