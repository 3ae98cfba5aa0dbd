// SPDX-License-Identifier: BSD-3-Clause
// The subscriber and its callbacks at calls of the runtime and of HCCL.
#pragma once

#include <cstdint>

#include "npu/cann/mspti.h"

namespace npu_sim::mspti {

// Calls the subscriber back if it asked for this call.
void call_back(msptiApiCallbackSite site, const char* name, uint64_t correlation);

}  // namespace npu_sim::mspti
