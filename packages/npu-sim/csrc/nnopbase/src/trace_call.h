// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "npu_sim/nnop/operator.h"

namespace npu_sim::nnop {

// Lines of NPU_SIM_TRACE. Tensors are given by shape, strides, dtype and format, not by address: two clients
// that do the same write the same.
void trace_prepare(const Operator& op, const uint64_t* words, uint64_t workspace, aclnnStatus answer);
void trace_launch(const Operator& op, aclrtStream stream, aclnnStatus answer);

}  // namespace npu_sim::nnop
