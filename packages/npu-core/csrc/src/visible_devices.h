// SPDX-License-Identifier: BSD-3-Clause
// ASCEND_RT_VISIBLE_DEVICES, which CANN reads up to the first entry that it does not like, without a word: a
// program would run on fewer devices than it was given.
#pragma once

#include <string>

namespace npu {

// What is wrong with the variable if CANN counts `counted` devices under it; empty if nothing is, and if it
// is the count alone that is 0, of which CANN may know the reason.
std::string visible_devices_complaint(int counted);

}  // namespace npu
