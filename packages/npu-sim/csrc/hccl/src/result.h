// SPDX-License-Identifier: BSD-3-Clause
// Answers of HCCL calls: a code, and a sentence behind aclGetRecentErrMsg.
#pragma once

#pragma GCC visibility push(default)
#include <npu/cann/hccl.h>
#pragma GCC visibility pop

#include <string>

namespace npu_sim::hccl {

// Sets the calling thread's message and returns `code`: `return refuse(HCCL_E_PARA, "...")`.
HcclResult refuse(HcclResult code, std::string message);

// The answer to a failed call of the machine, whose message is set already.
HcclResult machine_refused(int acl_code);

// What a stream answers when a collective on it ended with `code`.
int stream_code(HcclResult code);

#define NPU_SIM_HCCL_TRY(step)                                          \
  do {                                                                  \
    if (HcclResult code_ = (step); code_ != HCCL_SUCCESS) return code_; \
  } while (false)

}  // namespace npu_sim::hccl
