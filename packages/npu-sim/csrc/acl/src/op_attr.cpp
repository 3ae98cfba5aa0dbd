// aclopAttr: named attributes of an operator that is run by its name.
#include "abi.h"
#include "npu_sim/descriptor.h"

using namespace npu_sim;

namespace {

int set(aclopAttr* attr, const char* name, AttrValue value) {
  NPU_SIM_TRY(require_pointer(attr, "attr"));
  NPU_SIM_TRY(require_pointer(name, "attrName"));
  auto found = op_attrs().find(attr);
  if (!found)
    return fail(ACL_ERROR_INVALID_PARAM, "attr names no live aclopAttr: it was destroyed or never created");
  std::lock_guard lock(found->mutex);
  found->values.insert_or_assign(name, std::move(value));
  return ACL_SUCCESS;
}

template <class T>
int require_list(int n, const T* values) {
  if (n >= 0 && (n == 0 || values)) return 0;
  return fail(ACL_ERROR_INVALID_PARAM,
              "a list attribute needs a count of at least 0 and as many values, found " + std::to_string(n) +
                  (values ? "" : " and null"));
}

}  // namespace

aclopAttr* aclopCreateAttr() {
  return static_cast<aclopAttr*>(op_attrs().insert(std::make_shared<OpAttr>()));
}

void aclopDestroyAttr(const aclopAttr* attr) {
  if (attr && !op_attrs().remove(attr))
    fail(ACL_ERROR_INVALID_PARAM, "attr names no live aclopAttr: it was destroyed before");
}

aclError aclopSetAttrBool(aclopAttr* attr, const char* attrName, uint8_t attrValue) {
  return set(attr, attrName, attrValue != 0);
}

aclError aclopSetAttrDataType(aclopAttr* attr, const char* attrName, aclDataType attrValue) {
  return set(attr, attrName, DataTypeAttr{attrValue});
}

aclError aclopSetAttrFloat(aclopAttr* attr, const char* attrName, float attrValue) {
  return set(attr, attrName, attrValue);
}

aclError aclopSetAttrInt(aclopAttr* attr, const char* attrName, int64_t attrValue) {
  return set(attr, attrName, attrValue);
}

aclError aclopSetAttrString(aclopAttr* attr, const char* attrName, const char* attrValue) {
  NPU_SIM_TRY(require_pointer(attrValue, "attrValue"));
  return set(attr, attrName, std::string(attrValue));
}

aclError aclopSetAttrListBool(aclopAttr* attr, const char* attrName, int numValues, const uint8_t* values) {
  NPU_SIM_TRY(require_list(numValues, values));
  return set(attr, attrName, std::vector<bool>(values, values + numValues));
}

aclError aclopSetAttrListFloat(aclopAttr* attr, const char* attrName, int numValues, const float* values) {
  NPU_SIM_TRY(require_list(numValues, values));
  return set(attr, attrName, std::vector<float>(values, values + numValues));
}

aclError aclopSetAttrListInt(aclopAttr* attr, const char* attrName, int numValues, const int64_t* values) {
  NPU_SIM_TRY(require_list(numValues, values));
  return set(attr, attrName, std::vector<int64_t>(values, values + numValues));
}

aclError aclopSetAttrListListInt(aclopAttr* attr, const char* attrName, int numLists, const int* numValues,
                                 const int64_t* const values[]) {
  NPU_SIM_TRY(require_list(numLists, numValues));
  NPU_SIM_TRY(require_list(numLists, values));
  std::vector<std::vector<int64_t>> lists;
  for (int i = 0; i < numLists; ++i) {
    NPU_SIM_TRY(require_list(numValues[i], values[i]));
    lists.emplace_back(values[i], values[i] + numValues[i]);
  }
  return set(attr, attrName, std::move(lists));
}
