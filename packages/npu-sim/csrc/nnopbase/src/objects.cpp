// SPDX-License-Identifier: BSD-3-Clause
// Creation and destruction of the ABI's objects.
#include "npu_sim/nnop/objects.h"

#include "living.h"
#include "npu_sim/error.h"
#include "npu_sim/nnop/export.h"

using npu_sim::fail;
using npu_sim::nnop::Dims;
using npu_sim::nnop::kMaxDescriptorDims;
using npu_sim::nnop::living;

namespace {

// Fills a tensor from the arguments that aclCreateTensor and aclInitTensor share.
aclnnStatus describe(aclTensor& t, const int64_t* view, uint64_t view_n, aclDataType dtype,
                     const int64_t* stride, int64_t offset, aclFormat format, const int64_t* storage,
                     uint64_t storage_n, void* data) {
  if ((!view && view_n) || (!storage && storage_n))
    return fail(ACLNN_ERR_PARAM_NULLPTR, "a tensor's dims are null, but their count is not 0");
  if (view_n > kMaxDescriptorDims || storage_n > kMaxDescriptorDims)
    return fail(ACLNN_ERR_PARAM_INVALID, "a tensor has more than 25 dims");
  for (uint64_t i = 0; i < view_n; ++i)
    if (view[i] < 0) return fail(ACLNN_ERR_PARAM_INVALID, "a tensor's size is negative");
  t.dtype = dtype;
  t.format = format;
  t.offset = offset;
  t.data = data;
  t.sizes.assign(view, view_n);
  t.storage.assign(storage, storage_n);
  if (stride) {
    t.strides.assign(stride, view_n);
  } else {  // contiguous
    t.strides.n = t.sizes.n;
    int64_t step = 1;
    for (uint32_t i = t.sizes.n; i-- > 0;) {
      t.strides.v[i] = step;
      step *= t.sizes.v[i];
    }
  }
  t.found.reset();
  return ACLNN_SUCCESS;
}

template <class T>
aclnnStatus destroy(const T* p) {
  if (!p) return ACLNN_SUCCESS;
  if (!living(p))
    return fail(ACLNN_ERR_PARAM_INVALID, "an object was destroyed twice, or is not of its type");
  npu_sim::nnop::drop(p);
  return ACLNN_SUCCESS;
}

template <class A, class V>
A* make_array(const V* value, uint64_t size) {
  if (!value && size) {
    fail(ACLNN_ERR_PARAM_NULLPTR, "an array's values are null, but their count is not 0");
    return nullptr;
  }
  A* a = npu_sim::nnop::make<A>();
  a->v.assign(value, value + size);
  return a;
}

// Destroying a list destroys its elements too.
template <class L>
aclnnStatus destroy_list(const L* list) {
  if (!list) return ACLNN_SUCCESS;
  if (!living(list)) return fail(ACLNN_ERR_PARAM_INVALID, "a list was destroyed twice, or is not one");
  for (const auto* e : list->v) destroy(e);
  npu_sim::nnop::drop(list);
  return ACLNN_SUCCESS;
}

}  // namespace

NPU_SIM_ABI aclTensor* aclCreateTensor(const int64_t* viewDims, uint64_t viewDimsNum, aclDataType dataType,
                                       const int64_t* stride, int64_t offset, aclFormat format,
                                       const int64_t* storageDims, uint64_t storageDimsNum,
                                       void* tensorData) {
  aclTensor* t = npu_sim::nnop::make<aclTensor>();
  if (!describe(*t, viewDims, viewDimsNum, dataType, stride, offset, format, storageDims, storageDimsNum,
                tensorData))
    return t;
  npu_sim::nnop::drop(t);
  return nullptr;
}

NPU_SIM_ABI aclnnStatus aclInitTensor(aclTensor* tensor, const int64_t* viewDims, uint64_t viewDimsNum,
                                      aclDataType dataType, const int64_t* stride, int64_t offset,
                                      aclFormat format, const int64_t* storageDims, uint64_t storageDimsNum,
                                      void* tensorDataAddr) {
  if (!tensor) return fail(ACLNN_ERR_PARAM_NULLPTR, "aclInitTensor: tensor is null");
  if (!living(tensor))
    return fail(ACLNN_ERR_PARAM_INVALID, "aclInitTensor: tensor is not a living aclTensor");
  return describe(*tensor, viewDims, viewDimsNum, dataType, stride, offset, format, storageDims,
                  storageDimsNum, tensorDataAddr);
}

NPU_SIM_ABI aclScalar* aclCreateScalar(void* value, aclDataType dataType) {
  const uint32_t bytes = npu_sim::nnop::dtype_bits(dataType) / 8;
  if (!value || bytes == 0 || bytes > sizeof(aclScalar::value)) {
    fail(value ? ACLNN_ERR_PARAM_INVALID : ACLNN_ERR_PARAM_NULLPTR,
         "aclCreateScalar: no value, or no such dtype");
    return nullptr;
  }
  auto* s = npu_sim::nnop::make<aclScalar>();
  s->dtype = dataType;
  std::memcpy(s->value, value, bytes);
  return s;
}

NPU_SIM_ABI aclIntArray* aclCreateIntArray(const int64_t* value, uint64_t size) {
  return make_array<aclIntArray>(value, size);
}
NPU_SIM_ABI aclFloatArray* aclCreateFloatArray(const float* value, uint64_t size) {
  return make_array<aclFloatArray>(value, size);
}
NPU_SIM_ABI aclBoolArray* aclCreateBoolArray(const bool* value, uint64_t size) {
  return make_array<aclBoolArray>(value, size);
}
NPU_SIM_ABI aclTensorList* aclCreateTensorList(const aclTensor* const* value, uint64_t size) {
  return make_array<aclTensorList>(value, size);
}
NPU_SIM_ABI aclScalarList* aclCreateScalarList(const aclScalar* const* value, uint64_t size) {
  return make_array<aclScalarList>(value, size);
}

NPU_SIM_ABI aclnnStatus aclDestroyTensor(const aclTensor* tensor) { return destroy(tensor); }
NPU_SIM_ABI aclnnStatus aclDestroyScalar(const aclScalar* scalar) { return destroy(scalar); }
NPU_SIM_ABI aclnnStatus aclDestroyIntArray(const aclIntArray* array) { return destroy(array); }
NPU_SIM_ABI aclnnStatus aclDestroyFloatArray(const aclFloatArray* array) { return destroy(array); }
NPU_SIM_ABI aclnnStatus aclDestroyBoolArray(const aclBoolArray* array) { return destroy(array); }
NPU_SIM_ABI aclnnStatus aclDestroyTensorList(const aclTensorList* array) { return destroy_list(array); }
NPU_SIM_ABI aclnnStatus aclDestroyScalarList(const aclScalarList* array) { return destroy_list(array); }
