// SPDX-License-Identifier: BSD-3-Clause
// aclnnNpuFormatCast: between a base format and a private one.
#include "../kernel.h"

namespace npu_sim::ops {

NPU_SIM_KERNEL(aclnnNpuFormatCast, rules::format_cast, nullptr, 3) = [](Laid src, Laid dst) {
  lay(*dst.tensor, tensor_over(*src.tensor));
};

}  // namespace npu_sim::ops
