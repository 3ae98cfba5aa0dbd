// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "result.h"

namespace npu_sim::hccl {

// Bytes of one element; 0 for a value that is no dtype.
size_t element_size(HcclDataType dtype);
// "fp32"; "dtype 99" is not known here: check element_size first.
const char* dtype_name(HcclDataType dtype);
const char* op_name(HcclReduceOp op);

// Whether the simulated SoC reduces in this dtype.
bool reducible(HcclDataType dtype);

// `out[i]` becomes the reduction of `inputs[0][i]`, `inputs[1][i]`, ... in this order; 16-bit floats are
// accumulated in fp32 and rounded once. So every rank, and every run, gets the same bits.
void reduce(void* out, std::span<const void* const> inputs, uint64_t count, HcclDataType dtype,
            HcclReduceOp op);

}  // namespace npu_sim::hccl
