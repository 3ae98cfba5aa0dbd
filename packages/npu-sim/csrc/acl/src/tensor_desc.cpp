// aclTensorDesc and aclDataBuffer. A handle that names nothing is refused where the ABI has a code to answer;
// the getters that answer a value say ACL_DT_UNDEFINED, ACL_FORMAT_UNDEFINED or 0, and leave a message.
#include <span>

#include "abi.h"
#include "npu_sim/descriptor.h"

using namespace npu_sim;

namespace {

int desc_of(const aclTensorDesc* handle, std::shared_ptr<TensorDesc>* desc) {
  NPU_SIM_TRY(require_pointer(handle, "desc"));
  *desc = tensor_descs().find(handle);
  return *desc ? 0
               : fail(ACL_ERROR_INVALID_PARAM,
                      "desc names no live aclTensorDesc: it was destroyed or never created");
}

int dims_of(int n, const int64_t* dims, std::vector<int64_t>* out) {
  if (n < 0 || (n > 0 && !dims))
    return fail(ACL_ERROR_INVALID_PARAM, "numDims must be at least 0, with as many dims, found " +
                                             std::to_string(n) + (dims ? "" : " and null"));
  out->assign(dims, dims + n);
  for (int64_t d : *out)
    if (d < -2)
      return fail(ACL_ERROR_INVALID_PARAM,
                  "a size must be at least 0, -1 (unknown) or -2 (unknown rank), found " + std::to_string(d));
  return 0;
}

}  // namespace

aclTensorDesc* aclCreateTensorDesc(aclDataType dataType, int numDims, const int64_t* dims, aclFormat format) {
  auto desc = std::make_shared<TensorDesc>();
  if (dims_of(numDims, dims, &desc->shape)) return nullptr;
  desc->dtype = dataType;
  desc->format = format;
  return static_cast<aclTensorDesc*>(tensor_descs().insert(std::move(desc)));
}

void aclDestroyTensorDesc(const aclTensorDesc* desc) {
  if (desc && !tensor_descs().remove(desc))
    fail(ACL_ERROR_INVALID_PARAM, "desc names no live aclTensorDesc: it was destroyed before");
}

aclError aclGetTensorDescDimV2(const aclTensorDesc* desc, size_t index, int64_t* dimSize) {
  std::shared_ptr<TensorDesc> d;
  NPU_SIM_TRY(desc_of(desc, &d));
  NPU_SIM_TRY(require_pointer(dimSize, "dimSize"));
  if (index >= d->shape.size())
    return fail(ACL_ERROR_INVALID_PARAM, "index must be below the number of dimensions, " +
                                             std::to_string(d->shape.size()) + ", found " +
                                             std::to_string(index));
  *dimSize = d->shape[index];
  return ACL_SUCCESS;
}

aclFormat aclGetTensorDescFormat(const aclTensorDesc* desc) {
  std::shared_ptr<TensorDesc> d;
  return desc_of(desc, &d) ? ACL_FORMAT_UNDEFINED : d->format;
}

size_t aclGetTensorDescNumDims(const aclTensorDesc* desc) {
  std::shared_ptr<TensorDesc> d;
  return desc_of(desc, &d) ? 0 : d->shape.size();
}

aclDataType aclGetTensorDescType(const aclTensorDesc* desc) {
  std::shared_ptr<TensorDesc> d;
  return desc_of(desc, &d) ? ACL_DT_UNDEFINED : d->dtype;
}

void aclSetTensorDescName(aclTensorDesc* desc, const char* name) {
  std::shared_ptr<TensorDesc> d;
  if (!desc_of(desc, &d)) d->name = name ? name : "";
}

// How the bytes lie on the device, where that is not the view's format.
aclError aclSetTensorFormat(aclTensorDesc* desc, aclFormat format) {
  std::shared_ptr<TensorDesc> d;
  NPU_SIM_TRY(desc_of(desc, &d));
  d->storage_format = format;
  return ACL_SUCCESS;
}

aclError aclSetTensorShape(aclTensorDesc* desc, int numDims, const int64_t* dims) {
  std::shared_ptr<TensorDesc> d;
  std::vector<int64_t> shape;
  NPU_SIM_TRY(desc_of(desc, &d));
  NPU_SIM_TRY(dims_of(numDims, dims, &shape));
  d->storage_shape = std::move(shape);
  return ACL_SUCCESS;
}

aclError aclSetTensorPlaceMent(aclTensorDesc* desc, aclMemType memType) {
  std::shared_ptr<TensorDesc> d;
  NPU_SIM_TRY(desc_of(desc, &d));
  if (memType < ACL_MEMTYPE_DEVICE || memType > ACL_MEMTYPE_HOST_COMPILE_INDEPENDENT)
    return fail(ACL_ERROR_INVALID_PARAM, "unknown kind of memory " + std::to_string(memType));
  d->place = memType;
  return ACL_SUCCESS;
}

aclDataBuffer* aclCreateDataBuffer(void* data, size_t size) {
  auto buffer = std::make_shared<DataBuffer>(DataBuffer{data, size});
  return static_cast<aclDataBuffer*>(data_buffers().insert(std::move(buffer)));
}

aclError aclDestroyDataBuffer(const aclDataBuffer* dataBuffer) {
  NPU_SIM_TRY(require_pointer(dataBuffer, "dataBuffer"));
  if (data_buffers().remove(dataBuffer)) return ACL_SUCCESS;
  return fail(ACL_ERROR_INVALID_PARAM,
              "dataBuffer names no live aclDataBuffer: it was destroyed or never created");
}
