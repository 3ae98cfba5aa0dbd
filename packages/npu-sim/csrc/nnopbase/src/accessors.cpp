// SPDX-License-Identifier: BSD-3-Clause
// What can be asked of the ABI's objects, and the address of a tensor.
#include "living.h"
#include "npu_sim/error.h"
#include "npu_sim/nnop/export.h"
#include "npu_sim/nnop/objects.h"

using npu_sim::fail;
using npu_sim::nnop::Dims;
using npu_sim::nnop::living;

namespace {

// Both pointers given and the object living, or the status to answer.
template <class T>
aclnnStatus check(const char* call, const T* object, bool outputs_given) {
  if (!object || !outputs_given)
    return fail(ACLNN_ERR_PARAM_NULLPTR, std::string(call) + ": an argument is null");
  if (!living(object))
    return fail(ACLNN_ERR_PARAM_INVALID,
                std::string(call) + ": the object was destroyed, or is not of its type");
  return ACLNN_SUCCESS;
}

// The caller frees the answer with delete[].
aclnnStatus give(const Dims& dims, int64_t** out, uint64_t* n) {
  *out = new int64_t[dims.n ? dims.n : 1];
  if (dims.n) std::memcpy(*out, dims.v, dims.n * sizeof(int64_t));
  *n = dims.n;
  return ACLNN_SUCCESS;
}

template <class T>
aclnnStatus size_of(const char* call, const T* list, uint64_t* size) {
  if (auto bad = check(call, list, size != nullptr)) return bad;
  *size = list->v.size();
  return ACLNN_SUCCESS;
}

}  // namespace

// The shape as an operator found it, if its shape depends on data; else as the tensor was created.
NPU_SIM_ABI aclnnStatus aclGetViewShape(const aclTensor* tensor, int64_t** viewDims, uint64_t* viewDimsNum) {
  if (auto bad = check("aclGetViewShape", tensor, viewDims && viewDimsNum)) return bad;
  const auto& box = tensor->found;
  return give(box && box->known.load(std::memory_order_acquire) ? box->dims : tensor->sizes, viewDims,
              viewDimsNum);
}

NPU_SIM_ABI aclnnStatus aclGetStorageShape(const aclTensor* tensor, int64_t** storageDims,
                                           uint64_t* storageDimsNum) {
  if (auto bad = check("aclGetStorageShape", tensor, storageDims && storageDimsNum)) return bad;
  return give(tensor->storage, storageDims, storageDimsNum);
}

NPU_SIM_ABI aclnnStatus aclGetViewStrides(const aclTensor* tensor, int64_t** stridesValue,
                                          uint64_t* stridesNum) {
  if (auto bad = check("aclGetViewStrides", tensor, stridesValue && stridesNum)) return bad;
  return give(tensor->strides, stridesValue, stridesNum);
}

NPU_SIM_ABI aclnnStatus aclGetViewOffset(const aclTensor* tensor, int64_t* offset) {
  if (auto bad = check("aclGetViewOffset", tensor, offset != nullptr)) return bad;
  *offset = tensor->offset;
  return ACLNN_SUCCESS;
}

NPU_SIM_ABI aclnnStatus aclGetFormat(const aclTensor* tensor, aclFormat* format) {
  if (auto bad = check("aclGetFormat", tensor, format != nullptr)) return bad;
  *format = tensor->format;
  return ACLNN_SUCCESS;
}

NPU_SIM_ABI aclnnStatus aclGetDataType(const aclTensor* tensor, aclDataType* dataType) {
  if (auto bad = check("aclGetDataType", tensor, dataType != nullptr)) return bad;
  *dataType = tensor->dtype;
  return ACLNN_SUCCESS;
}

NPU_SIM_ABI aclnnStatus aclGetIntArraySize(const aclIntArray* array, uint64_t* size) {
  return size_of("aclGetIntArraySize", array, size);
}
NPU_SIM_ABI aclnnStatus aclGetFloatArraySize(const aclFloatArray* array, uint64_t* size) {
  return size_of("aclGetFloatArraySize", array, size);
}
NPU_SIM_ABI aclnnStatus aclGetBoolArraySize(const aclBoolArray* array, uint64_t* size) {
  return size_of("aclGetBoolArraySize", array, size);
}
NPU_SIM_ABI aclnnStatus aclGetTensorListSize(const aclTensorList* tensorList, uint64_t* size) {
  return size_of("aclGetTensorListSize", tensorList, size);
}
NPU_SIM_ABI aclnnStatus aclGetScalarListSize(const aclScalarList* scalarList, uint64_t* size) {
  return size_of("aclGetScalarListSize", scalarList, size);
}

NPU_SIM_ABI aclnnStatus aclSetRawTensorAddr(aclTensor* tensor, void* addr) {
  if (auto bad = check("aclSetRawTensorAddr", tensor, true)) return bad;
  tensor->data = addr;
  return ACLNN_SUCCESS;
}

NPU_SIM_ABI aclnnStatus aclGetRawTensorAddr(const aclTensor* tensor, void** addr) {
  if (auto bad = check("aclGetRawTensorAddr", tensor, addr != nullptr)) return bad;
  *addr = tensor->data;
  return ACLNN_SUCCESS;
}

NPU_SIM_ABI aclnnStatus aclnnInit(const char*) { return ACLNN_SUCCESS; }
NPU_SIM_ABI aclnnStatus aclnnFinalize(void) { return ACLNN_SUCCESS; }
