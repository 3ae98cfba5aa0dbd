// SPDX-License-Identifier: BSD-3-Clause
// A plugin that needs slots which this npu-core does not have.
#include "npu/core/launch.h"

NPU_PLUGIN(7)
