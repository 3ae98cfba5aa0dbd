// SPDX-License-Identifier: BSD-3-Clause
// Visibility of libnpu_core's own symbols. Only npu-core's _C links them; plugins go through abi.h.
#pragma once

#define NPU_API __attribute__((visibility("default")))
