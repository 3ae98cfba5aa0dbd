// SPDX-License-Identifier: BSD-3-Clause
// HCCL as npu-core found it: function pointers by name, and torch's types as HCCL's.
#pragma once

#include <c10/core/ScalarType.h>
#include <npu/cann/hccl.h>
#include <npu/core/launch.h>

#include <string>
#include <torch/csrc/distributed/c10d/Types.hpp>

namespace npu::dist {

// clang-format off
#define NPU_DIST_HCCL_REQUIRED(X)                                                                  \
  X(HcclGetRootInfo) X(HcclCommInitRootInfo) X(HcclCommDestroy) X(HcclAllReduce) X(HcclReduce)     \
  X(HcclBroadcast) X(HcclAllGather) X(HcclReduceScatter) X(HcclScatter) X(HcclSend) X(HcclRecv)    \
  X(HcclBatchSendRecv) X(HcclAlltoAll) X(HcclAlltoAllV) X(HcclGetCommAsyncError)
#define NPU_DIST_HCCL_OPTIONAL(X) \
  X(HcclCommInitRootInfoConfig) X(HcclGetCommConfigCapability) X(HcclCommSuspend) X(HcclBarrier)
// clang-format on

// One pointer a symbol, named as the symbol; an optional one may be null.
struct Hccl {
#define NPU_DIST_MEMBER(name) decltype(&::name) name = nullptr;
  NPU_DIST_HCCL_REQUIRED(NPU_DIST_MEMBER)
  NPU_DIST_HCCL_OPTIONAL(NPU_DIST_MEMBER)
#undef NPU_DIST_MEMBER
};

// Looks the symbols up on first use. NotImplementedError naming a required one that this CANN has not.
const Hccl& hccl();

// "HCCL_E_PARA (1): ranks disagree ...", with CANN's message of this thread if it has one.
std::string describe(HcclResult result);

// A torch dtype on the wire: `per_element` values of `type` each.
struct Wire {
  HcclDataType type;
  uint64_t per_element;
};
// Of a dtype that is only moved. TypeError for one that no HCCL type holds.
Wire wire_of(c10::ScalarType dtype);

struct Reduction {
  Wire wire;
  HcclReduceOp op;
  bool average;  // divide the sum by the number of ranks
};
// TypeError or ValueError naming dtype and operation if HCCL cannot reduce so on this SoC.
Reduction reduction_of(const c10d::ReduceOp& op, c10::ScalarType dtype);

}  // namespace npu::dist
