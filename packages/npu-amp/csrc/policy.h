// SPDX-License-Identifier: BSD-3-Clause
// The policy: what autocast does to the floating point operands of an operator on device npu. An operator
// that stands in no list runs in the dtypes that it gets.
//
//   lower_precision_fp   in the dtype of the context
//   fp32                 in float32
//   fp32_set_opt_dtype   as it is, with a float32 result where the caller named no dtype
//   fp32_append_dtype    likewise, by the overload that takes a dtype
//   promote              in the widest dtype among the operands
//   banned               refused
//
// The lists are torch's own, which its devices share (AT_FORALL_* of ATen/autocast_mode.h), so that a model
// computes on npu in the dtypes in which it computes on torch.cuda. What npu adds to a list or takes out of
// one is said here, one line an operator: _(name) or _(name, overload).
#pragma once

#include <ATen/autocast_mode.h>

// Fused operators of npu-ops will stand here; there is none yet.
#define NPU_FORALL_LOWER_PRECISION_FP(_) AT_FORALL_LOWER_PRECISION_FP(_)

#define NPU_FORALL_FP32(_) AT_FORALL_FP32(_)

#define NPU_FORALL_FP32_SET_OPT_DTYPE(_) AT_FORALL_FP32_SET_OPT_DTYPE(_)

#define NPU_FORALL_PROMOTE(_) AT_FORALL_PROMOTE(_)

// (function, name, signature, signature with a dtype, policy)
#define NPU_FORALL_FP32_APPEND_DTYPE(_) AT_FORALL_DIFFERENT_REDISPATCH_SIGNATURE(_)
