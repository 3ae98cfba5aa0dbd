// SPDX-License-Identifier: BSD-3-Clause
// Which torch exception a status of the plugins' table is.
#pragma once

#include <c10/util/Exception.h>

#include <string>

#include "npu/core/abi.h"

namespace npu {

// `code`: the aclError of NPU_DEVICE_ERROR.
[[noreturn]] inline void throw_status(npu_status status, int32_t code, const std::string& message,
                                      c10::SourceLocation at) {
  switch (status) {
    case NPU_OUT_OF_MEMORY:
      throw c10::OutOfMemoryError(at, message);
    case NPU_DEVICE_ERROR:
      throw c10::AcceleratorError(at, code, message);
    case NPU_NOT_IMPLEMENTED:
      throw c10::NotImplementedError(at, message);
    case NPU_VALUE_ERROR:
      throw c10::ValueError(at, message);
    case NPU_INDEX_ERROR:
      throw c10::IndexError(at, message);
    case NPU_TYPE_ERROR:
      throw c10::TypeError(at, message);
    default:
      throw c10::Error(at, message);
  }
}

}  // namespace npu
