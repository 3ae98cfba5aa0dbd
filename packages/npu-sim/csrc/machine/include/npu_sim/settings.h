// SPDX-License-Identifier: BSD-3-Clause
// The environment variables of npu-sim, read once. Their documentation is npu_sim/settings.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "npu_sim/api.h"
#include "npu_sim/faults.h"

namespace npu_sim {

struct Settings {
  int devices = 2;                   // NPU_SIM: simulated devices of the machine
  std::string soc = "Ascend910B2";   // NPU_SIM_SOC: a name of soc.yaml
  int threads = 1;                   // NPU_SIM_THREADS: CPU threads that one kernel may use; default all CPUs
  int slots = 1;                     // NPU_SIM_SLOTS: kernels that run at once on one device
  uint64_t hbm_bytes = 0;            // NPU_SIM_HBM: memory of one device; default the SoC's
  uint64_t warm_bytes = 1ULL << 30;  // NPU_SIM_WARM: freed memory that a device keeps resident
  bool null_kernels = false;         // NPU_SIM_KERNELS=null: kernels check and do not compute
  int64_t phase_ns[2] = {0, 0};      // NPU_SIM_CALL_COST: host time that an operator's phases take
  std::string trace;                 // NPU_SIM_TRACE: the file that calls are written to
  std::vector<FaultRule> faults;     // NPU_SIM_FAULTS
  uint32_t checks = 0;               // NPU_SIM_CHECK
  bool timing = false;               // NPU_SIM_TIMING=model: device times come from the SoC's peaks
  double peak_tflops = 0;            // NPU_SIM_PEAK: matrix TFLOPS; default the SoC's
  double peak_gbytes = 0;            // and GB/s of memory
  std::vector<int> visible_devices;  // ASCEND_RT_VISIBLE_DEVICES: machine device of each user device
  std::string error;                 // what is wrong with the variables; empty if nothing
};

NPU_SIM_API const Settings& settings();

}  // namespace npu_sim
