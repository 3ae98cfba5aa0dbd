// SPDX-License-Identifier: BSD-3-Clause
// Operators that the CPU computes. tables/fallback.yaml declares each with its
// reason.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

namespace npu::ops {

struct FallbackReason {
  const char* op;  // "aten::histc"
  const char* reason;
};

// Generated; ends with an entry of null pointers.
extern const FallbackReason kFallbacks[];

// Copies the operands to the CPU, runs the operator there and copies its
// results back. Counted by npu-core, and NotImplementedError under
// NPU_FALLBACK=error.
void cpu_fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack);

// The same for operators on sparse and on quantised tensors, none of which the tables name.
void sparse_fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack);
void quantized_fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack);

// The operator called `name`, "mm.out", whose kernel met a dtype that CANN does
// not take. Rethrows the current exception unless tables/fallback.yaml declares
// it.
c10::OperatorHandle declared_fallback(const char* name);

// Counts a use of the CPU by a kernel that goes there itself: for operator
// "aten::x", which is declared.
void note_declared(const char* name, std::initializer_list<at::Tensor> operands);

}  // namespace npu::ops
