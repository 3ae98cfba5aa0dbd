// SPDX-License-Identifier: BSD-3-Clause
// Errors of the simulated machine: CANN's codes, with a message behind aclGetRecentErrMsg.
//
// Policy. A function that can fail returns an aclError; whoever finds the error sets the message, on its own
// thread. A task sets it on its stream's worker: the stream keeps it with the code, and the host call that
// reports the code (a synchronisation) hands it to the calling thread.
#pragma once

#include <string>

#include "npu/cann/error.h"
#include "npu_sim/api.h"

namespace npu_sim {

// "ACL_ERROR_RT_MEMORY_ALLOCATION" of 207001; "unknown error" for a code that CANN has no name for.
NPU_SIM_API const char* error_name(int code);

// Replaces the message of this thread: what was required, what was found, what to do.
NPU_SIM_API void set_error_message(std::string message);

// Sets the message and this thread's last error, and returns `code`: `return fail(code, "...")`.
NPU_SIM_API int fail(int code, std::string message);

// The message of this thread, which is then empty.
NPU_SIM_API std::string take_error_message();

// As take_error_message, readable until the thread's next call; null when there is none.
NPU_SIM_API const char* hand_out_error_message();

// This thread's last error (0 if none), for aclrtGetLastError and aclrtPeekAtLastError.
NPU_SIM_API int last_error(bool clear);

}  // namespace npu_sim
