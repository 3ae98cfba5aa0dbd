// SPDX-License-Identifier: BSD-3-Clause
// The executor cache that torch_npu calls 'PTA': the caller makes a key of an operator's arguments, and the
// executor of an earlier call with the same key is used again at new addresses, without descriptors or
// checks.
#pragma once

#include "npu_sim/nnop/call.h"

namespace npu_sim::nnop {

// Keeps a copy of `e` under the key that this thread set for its next first phase, if it set one.
void remember(const aclOpExecutor& e);

}  // namespace npu_sim::nnop
