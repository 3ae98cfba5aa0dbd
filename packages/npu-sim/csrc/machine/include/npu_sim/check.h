// SPDX-License-Identifier: BSD-3-Clause
// The checker: accesses that nothing orders, memory freed while in use, reads of what nothing wrote.
#pragma once

#include <cstdint>
#include <string>

#include "npu_sim/api.h"

namespace npu_sim {

enum Check : uint32_t { kCheckRace = 1, kCheckLifetime = 2, kCheckInit = 4 };

// False for a text that is no list of race, lifetime and init.
bool parse_checks(const std::string& text, uint32_t* checks);
// 0 ends it; what was found stays.
NPU_SIM_API void set_checks(uint32_t checks);

}  // namespace npu_sim
