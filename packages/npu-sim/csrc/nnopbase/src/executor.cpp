// SPDX-License-Identifier: BSD-3-Clause
// What the owner of an executor may do with it: repeat it with other addresses, or drop it.
#include "living.h"
#include "npu_sim/error.h"
#include "npu_sim/nnop/call.h"
#include "npu_sim/nnop/export.h"

using npu_sim::fail;
using npu_sim::nnop::FlatTensor;
using npu_sim::nnop::living;

namespace {

aclnnStatus check(const char* call, const aclOpExecutor* e) {
  if (!e) return fail(ACLNN_ERR_PARAM_NULLPTR, std::string(call) + ": executor is null");
  if (!living(e))
    return fail(ACLNN_ERR_PARAM_INVALID, std::string(call) + ": the executor was consumed or destroyed");
  return ACLNN_SUCCESS;
}

// `given` names the tensor or list for CANN, which has it beside the index; here it must only be one.
template <class T>
aclnnStatus rebind(const char* call, const aclOpExecutor* e, FlatTensor* found, const T* given, void* addr) {
  if (!given) return fail(ACLNN_ERR_PARAM_NULLPTR, std::string(call) + ": the tensor is null");
  if (!living(given))
    return fail(ACLNN_ERR_PARAM_INVALID, std::string(call) + ": the tensor was destroyed, or is none");
  if (!e->repeatable)
    return fail(ACLNN_ERR_PARAM_INVALID, std::string(call) + ": the executor is not repeatable");
  if (!found)
    return fail(ACLNN_ERR_PARAM_INVALID, std::string(call) + ": " + e->op().name + " has no such tensor");
  found->data = addr;
  return ACLNN_SUCCESS;
}

aclnnStatus set_one(const char* call, aclOpExecutor* e, size_t index, aclTensor* tensor, void* addr, bool in,
                    bool out) {
  if (auto bad = check(call, e)) return bad;
  return rebind(call, e, e->nth_tensor(index, in, out), tensor, addr);
}

aclnnStatus set_listed(const char* call, aclOpExecutor* e, size_t ir, size_t relative, aclTensorList* list,
                       void* addr, bool in, bool out) {
  if (auto bad = check(call, e)) return bad;
  return rebind(call, e, e->list_element(ir, relative, in, out), list, addr);
}

}  // namespace

// Refused for outputs whose shape depends on data: each run has a shape of its own to answer.
NPU_SIM_ABI aclnnStatus aclSetAclOpExecutorRepeatable(aclOpExecutor* executor) {
  if (auto bad = check("aclSetAclOpExecutorRepeatable", executor)) return bad;
  if (executor->data_dependent())
    return fail(ACLNN_ERR_PARAM_INVALID, std::string(executor->op().name) +
                                             ": an output's shape depends on data; it cannot be repeated");
  executor->repeatable = true;
  return ACLNN_SUCCESS;
}

NPU_SIM_ABI aclnnStatus aclDestroyAclOpExecutor(aclOpExecutor* executor) {
  if (auto bad = check("aclDestroyAclOpExecutor", executor)) return bad;
  aclOpExecutor::destroy(executor);
  return ACLNN_SUCCESS;
}

// Two spellings each; the capital one is CANN's older.
#define NPU_SIM_SET_ADDR(name, in, out)                                                             \
  NPU_SIM_ABI aclnnStatus acl##name(aclOpExecutor* executor, const size_t index, aclTensor* tensor, \
                                    void* addr) {                                                   \
    return set_one("acl" #name, executor, index, tensor, addr, in, out);                            \
  }                                                                                                 \
  NPU_SIM_ABI aclnnStatus Acl##name(aclOpExecutor* executor, const size_t index, aclTensor* tensor, \
                                    void* addr) {                                                   \
    return set_one("Acl" #name, executor, index, tensor, addr, in, out);                            \
  }
NPU_SIM_SET_ADDR(SetTensorAddr, true, true)
NPU_SIM_SET_ADDR(SetInputTensorAddr, true, false)
NPU_SIM_SET_ADDR(SetOutputTensorAddr, false, true)

#define NPU_SIM_SET_DYNAMIC_ADDR(name, in, out)                                                          \
  NPU_SIM_ABI aclnnStatus acl##name(aclOpExecutor* executor, size_t irIndex, const size_t relativeIndex, \
                                    aclTensorList* tensors, void* addr) {                                \
    return set_listed("acl" #name, executor, irIndex, relativeIndex, tensors, addr, in, out);            \
  }                                                                                                      \
  NPU_SIM_ABI aclnnStatus Acl##name(aclOpExecutor* executor, size_t irIndex, const size_t relativeIndex, \
                                    aclTensorList* tensors, void* addr) {                                \
    return set_listed("Acl" #name, executor, irIndex, relativeIndex, tensors, addr, in, out);            \
  }
NPU_SIM_SET_DYNAMIC_ADDR(SetDynamicTensorAddr, true, true)
NPU_SIM_SET_DYNAMIC_ADDR(SetDynamicInputTensorAddr, true, false)
NPU_SIM_SET_DYNAMIC_ADDR(SetDynamicOutputTensorAddr, false, true)
