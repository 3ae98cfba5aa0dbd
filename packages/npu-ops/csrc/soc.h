// SPDX-License-Identifier: BSD-3-Clause
// What some SoCs lack. tables/fallback.yaml declares the operators that check it: there the CPU computes
// them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace npu::ops {

// For what fallback.yaml declares; a reason is written there.
[[noreturn]] void leave_to_cpu(const std::string& why);

// Leaves `op` to the CPU on SoCs without what `lacks` names: "shifts no bits". CANN has shifts, sums by
// place, inverses and triangular systems where it has bfloat16.
void check_soc(const char* op, const char* lacks);

// The same where orthogonal factors are needed, which Ascend 950 lacks besides.
void check_factors(const char* op);

// The same on SoCs of these families, beginnings of names such as "Ascend310": of operators that CANN has on
// some without bfloat16.
void check_soc(const char* op, const char* lacks, std::initializer_list<std::string_view> families);

}  // namespace npu::ops
