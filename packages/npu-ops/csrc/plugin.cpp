// SPDX-License-Identifier: BSD-3-Clause
// The library's handshake with npu-core.
#include "npu/core/launch.h"

NPU_PLUGIN(0)
