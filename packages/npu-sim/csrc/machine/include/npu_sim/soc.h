// SPDX-License-Identifier: BSD-3-Clause
// What the simulator answers when it plays a SoC.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "npu_sim/api.h"

namespace npu_sim {

// Counts and sizes (bytes) are -1 where no public source states them.
struct SocProfile {
  const char* name;    // what aclrtGetSocName answers, "Ascend910B2"
  const char* family;  // "Ascend910B"
  int64_t arch;        // 2201: Atlas A2 and A3; 3510: Ascend 950; 1001, 2002, 3002: older
  int64_t ai_cores;
  int64_t cube_cores;
  int64_t vector_cores;
  int64_t ai_cpus;
  int64_t hbm_bytes;
  int64_t l2_bytes;
  int64_t fp16_tflops;  // of the matrix units
  int64_t hbm_gbps;     // GB/s
  bool bf16;            // computes in bfloat16

  // Whether overflow gives infinity and NaN by default, not saturation.
  bool inf_nan() const { return arch == 2201 || arch == 3510; }
};

// Every known profile; the one called `name`, or null; the one that NPU_SIM_SOC chose.
NPU_SIM_API std::span<const SocProfile> socs();
NPU_SIM_API const SocProfile* find_soc(std::string_view name);
NPU_SIM_API const SocProfile& soc();

}  // namespace npu_sim
