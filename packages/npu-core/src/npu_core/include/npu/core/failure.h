// SPDX-License-Identifier: BSD-3-Clause
// An exception as data: what crosses the launch queue and the C table, where nothing may be thrown.
#pragma once

#include <cstdint>
#include <string>

#include "npu/core/abi.h"
#include "npu/core/macros.h"

namespace npu {

struct Failure {
  npu_status status = NPU_OK;
  int32_t code = 0;  // CANN's, for NPU_DEVICE_ERROR
  std::string message;

  explicit operator bool() const noexcept { return status != NPU_OK; }
};

// The exception being handled, sorted into the kinds of npu_status. To be called in a catch block.
NPU_API Failure current_failure() noexcept;
// Raises the torch exception that `failure` stands for.
[[noreturn]] NPU_API void raise_failure(const Failure& failure);

}  // namespace npu
