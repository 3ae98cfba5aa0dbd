// SPDX-License-Identifier: BSD-3-Clause
// CANN's status codes as torch's exceptions.
#pragma once

#include <c10/util/Exception.h>

#include <string>

#include "npu/core/cann.h"

namespace npu {

// CANN's own name of a status code, or "unknown error".
NPU_API const char* error_name(int code) noexcept;
// "aclrtMalloc failed: ACL_ERROR_RT_MEMORY_ALLOCATION (207001): <CANN's recent message>". `call` may be a
// whole call expression. Reads CANN's message of this thread, which CANN then forgets: call it once, where
// the error happened.
NPU_API std::string error_message(const char* call, int code);
// True for the codes that mean "out of device memory".
NPU_API bool is_out_of_memory(int code) noexcept;
// Raises c10::AcceleratorError with error_message().
[[noreturn]] NPU_API void raise_cann(const char* call, int code, c10::SourceLocation where);
// For destructors: a warning instead of an exception.
NPU_API void warn_cann(const char* call, int code) noexcept;

// Raises torch.AcceleratorError unless `call`, an expression on cann(), answers success.
#define NPU_CHECK(call)                                                                           \
  do {                                                                                            \
    if (const int npu_code_ = (call); C10_UNLIKELY(npu_code_ != 0))                               \
      ::npu::raise_cann(#call, npu_code_, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)}); \
  } while (false)

#define NPU_CHECK_WARN(call)                                                                            \
  do {                                                                                                  \
    if (const int npu_code_ = (call); C10_UNLIKELY(npu_code_ != 0)) ::npu::warn_cann(#call, npu_code_); \
  } while (false)

}  // namespace npu
