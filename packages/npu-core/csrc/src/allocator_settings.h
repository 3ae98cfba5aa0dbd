// SPDX-License-Identifier: BSD-3-Clause
// PYTORCH_NPU_ALLOC_CONF and PYTORCH_ALLOC_CONF: torch's own allocator settings, checked, and keys of ours.
#pragma once

#include <optional>
#include <string>

namespace npu {

struct AllocatorSettings {
  std::string torch;                      // what goes to c10's AcceleratorAllocatorConfig
  std::optional<double> memory_fraction;  // per_process_memory_fraction
};

// ValueError names `variable` and an unknown key, a key without a value or a value outside its range, with
// what is allowed.
AllocatorSettings parse_allocator_settings(const std::string& text,
                                           const char* variable = "PYTORCH_NPU_ALLOC_CONF");

}  // namespace npu
