// SPDX-License-Identifier: BSD-3-Clause
// The descriptors of the older way to run an operator by its name: tensors, buffers and attributes.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "npu/cann/acl_types.h"
#include "npu_sim/api.h"
#include "npu_sim/handle_table.h"

namespace npu_sim {

// A client changes a descriptor between uses, from one thread at a time, as CANN asks of it.
struct TensorDesc {
  aclDataType dtype = ACL_DT_UNDEFINED;
  aclFormat format = ACL_FORMAT_UNDEFINED;  // of the caller's view
  std::vector<int64_t> shape;               // a size of -1 is known only when the operator runs
  aclFormat storage_format = ACL_FORMAT_UNDEFINED;
  std::vector<int64_t> storage_shape;
  aclMemType place = ACL_MEMTYPE_DEVICE;
  std::string name;
};

struct DataBuffer {
  void* data = nullptr;
  uint64_t size = 0;  // bytes
};

struct DataTypeAttr {
  aclDataType value;
};

using AttrValue = std::variant<bool, int64_t, float, std::string, DataTypeAttr, std::vector<bool>,
                               std::vector<int64_t>, std::vector<float>, std::vector<std::vector<int64_t>>>;

struct OpAttr {
  std::mutex mutex;
  std::map<std::string, AttrValue> values;
};

NPU_SIM_API HandleTable<TensorDesc>& tensor_descs();
NPU_SIM_API HandleTable<DataBuffer>& data_buffers();
NPU_SIM_API HandleTable<OpAttr>& op_attrs();

}  // namespace npu_sim
