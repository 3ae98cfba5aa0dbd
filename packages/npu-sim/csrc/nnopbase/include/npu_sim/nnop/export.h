// SPDX-License-Identifier: BSD-3-Clause
// Marks the C functions that libnnopbase and libopapi export under CANN's names.
#pragma once

#include "npu_sim/api.h"

#define NPU_SIM_ABI extern "C" NPU_SIM_API
