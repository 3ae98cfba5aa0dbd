// SPDX-License-Identifier: BSD-3-Clause
// Operators that are run by their names, of which the simulator has those that aclnn* can compute.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "abi.h"
#include "npu_sim/descriptor.h"

namespace npu_sim {

// A tensor that fills its memory.
struct Operand {
  aclDataType dtype;
  std::vector<int64_t> shape;
  void* data;
};

struct SingleOp {
  std::vector<Operand> inputs, outputs;
  const OpAttr* attributes;  // may be null
  aclrtStream stream;
};

// Whether there is an operator `type`.
bool has_single_op(const std::string& type);
// Enqueues it. Answers an error code, as the ABI does; 0 is success.
int run_single_op(const std::string& type, const SingleOp& op);

}  // namespace npu_sim
