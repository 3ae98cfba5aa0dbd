#include "npu_sim/descriptor.h"

namespace npu_sim {

HandleTable<TensorDesc>& tensor_descs() {
  static auto* table = new HandleTable<TensorDesc>(16);
  return *table;
}

HandleTable<DataBuffer>& data_buffers() {
  static auto* table = new HandleTable<DataBuffer>(17);
  return *table;
}

HandleTable<OpAttr>& op_attrs() {
  static auto* table = new HandleTable<OpAttr>(18);
  return *table;
}

}  // namespace npu_sim
