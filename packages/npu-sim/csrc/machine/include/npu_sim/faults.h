// SPDX-License-Identifier: BSD-3-Clause
// Faults on demand. A rule is `KIND[=MS][:NAME][@N][/npuD]`; rules are separated by commas.
//
//   oom        the N-th allocation of device memory fails
//   aicore     the N-th kernel raises an AI Core exception
//   hang       the N-th kernel does not end before the stream is aborted or the device reset
//   copy       the N-th asynchronous copy or set fails
//   link       the N-th collective loses its link
//   slow=MS    the N-th collective begins MS milliseconds late
//
// NAME counts only that operator or call, N is 1 if not given, `@*` is every one, `/npuD` only device D of
// the machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "npu_sim/api.h"

namespace npu_sim {

struct FaultRule {
  enum class Kind { oom, aicore, hang, copy, link, slow } kind;
  std::string name;      // empty: any
  uint64_t nth = 1;      // 0: every one
  int device = -1;       // of the machine; -1: any
  int milliseconds = 0;  // of slow
  std::string text;      // as written
};

// False, with what is wrong and what is expected in `error`.
bool parse_faults(const std::string& text, std::vector<FaultRule>* rules, std::string* error);
NPU_SIM_API void set_faults(std::vector<FaultRule> rules);

}  // namespace npu_sim
