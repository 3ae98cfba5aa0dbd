// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "rules.h"

namespace npu_sim::ops::rules {

Rule attention;
Rule attention_backward;

}  // namespace npu_sim::ops::rules
