// SPDX-License-Identifier: BSD-3-Clause
#include "soc.h"

#include <c10/util/StringUtil.h>

#include "dtypes.h"
#include "npu/core/launch.h"

namespace npu::ops {

void leave_to_cpu(const std::string& why) { throw RefusedDtype({__func__, __FILE__, __LINE__}, why); }

void check_soc(const char* op, const char* lacks) {
  if (!soc_has_bfloat16()) leave_to_cpu(c10::str(op, ": this SoC ", lacks));
}

void check_soc(const char* op, const char* lacks, std::initializer_list<std::string_view> families) {
  const char* name = core().soc_name();
  const std::string_view soc = name ? name : "";
  for (const std::string_view family : families)
    if (soc.starts_with(family)) leave_to_cpu(c10::str(op, ": this SoC ", lacks));
}

void check_factors(const char* op) {
  constexpr const char* kLacks = "makes no orthogonal factors";
  check_soc(op, kLacks);
  check_soc(op, kLacks, {"Ascend950"});
}

}  // namespace npu::ops
