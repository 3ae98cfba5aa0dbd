// SPDX-License-Identifier: BSD-3-Clause
// What npu-core knows of one operator: npu_operator::handle points here.
#pragma once

#include <atomic>
#include <cstdint>

#include "npu/core/abi.h"

namespace npu {

struct Operator {
  using Execute = aclnnStatus (*)(void* workspace, uint64_t workspace_size, aclOpExecutor* executor,
                                  aclrtStream stream);

  const npu_operator* descriptor;
  uint32_t arity;
  void* prepare;    // CANN's first phase
  Execute execute;  // and its second
  // False once it refused a repeatable executor, or an address could not be replaced: it takes the plain way
  // then.
  std::atomic<bool> repeatable{true};
};

// The operator behind a plugin's descriptor, resolved on first use. NotImplementedError if no library exports
// it.
Operator& resolve(npu_operator& descriptor);
bool has_operator(const char* name) noexcept;

}  // namespace npu
