// SPDX-License-Identifier: BSD-3-Clause
#include "soc.h"

#include <c10/util/StringUtil.h>

#include <string_view>

#include "dtypes.h"
#include "npu/core/launch.h"

namespace npu::ops {

void leave_to_cpu(const std::string& why) { throw RefusedDtype({__func__, __FILE__, __LINE__}, why); }

void check_soc(const char* op, const char* lacks) {
  if (!soc_has_bfloat16()) leave_to_cpu(c10::str(op, ": this SoC ", lacks));
}

void check_factors(const char* op) {
  const char* soc = core().soc_name();
  if (!soc_has_bfloat16() || (soc && std::string_view(soc).starts_with("Ascend950")))
    leave_to_cpu(c10::str(op, ": this SoC makes no orthogonal factors"));
}

}  // namespace npu::ops
