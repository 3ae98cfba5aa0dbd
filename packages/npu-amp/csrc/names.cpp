// SPDX-License-Identifier: BSD-3-Clause
// The policy as data: what npu_amp.policy() answers.
#include "policy.h"

#define NPU_NAME1(policy, op) {#op, policy},
#define NPU_NAME2(policy, op, overload) {#op "." #overload, policy},
#define NPU_PICK(_1, _2, chosen, ...) chosen
#define NPU_NAME(policy, ...) NPU_PICK(__VA_ARGS__, NPU_NAME2, NPU_NAME1)(policy, __VA_ARGS__)

namespace {

struct Line {
  const char* op;
  const char* policy;
};

// clang-format off
constexpr Line kLines[] = {
#define NPU_LINE(...) NPU_NAME("lower_precision_fp", __VA_ARGS__)
    NPU_FORALL_LOWER_PRECISION_FP(NPU_LINE)
#undef NPU_LINE
#define NPU_LINE(...) NPU_NAME("fp32", __VA_ARGS__)
    NPU_FORALL_FP32(NPU_LINE)
#undef NPU_LINE
#define NPU_LINE(...) NPU_NAME("fp32_set_opt_dtype", __VA_ARGS__)
    NPU_FORALL_FP32_SET_OPT_DTYPE(NPU_LINE)
#undef NPU_LINE
#define NPU_LINE(...) NPU_NAME("promote", __VA_ARGS__)
    NPU_FORALL_PROMOTE(NPU_LINE)
#undef NPU_LINE
#define NPU_LINE(function, name, plain, with_dtype, policy) {name, #policy},
    NPU_FORALL_FP32_APPEND_DTYPE(NPU_LINE)
    {"binary_cross_entropy", "banned"},
    {nullptr, nullptr},
};
// clang-format on

}  // namespace

// Pairs of an operator's name and its policy, ended by a pair of null pointers.
extern "C" __attribute__((visibility("default"))) const void* npu_amp_policy() { return kLines; }
