// SPDX-License-Identifier: BSD-3-Clause
#include "fallback.h"

#include <ATen/native/CPUFallback.h>
#include <c10/util/Exception.h>

#include "npu/core/launch.h"

namespace npu::ops {
namespace {

const char* reason_of(const c10::OperatorName& name) {
  std::string key = name.name + (name.overload_name.empty() ? "" : "." + name.overload_name);
  for (const FallbackReason* f = kFallbacks; f->op; ++f)
    if (key == f->op) return f->reason;
  return "not declared";
}

uint64_t bytes_on(const torch::jit::Stack& stack, size_t n) {
  uint64_t bytes = 0;
  auto see = [&](const at::Tensor& t) { bytes += t.defined() ? t.nbytes() : 0; };
  for (size_t i = stack.size() - n; i < stack.size(); ++i) {
    if (stack[i].isTensor())
      see(stack[i].toTensor());
    else if (stack[i].isTensorList())
      for (const at::Tensor& t : stack[i].toTensorList()) see(t);
  }
  return bytes;
}

}  // namespace

void cpu_fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  std::string name = toString(op.operator_name());
  const char* reason = reason_of(op.operator_name());
  uint64_t bytes = bytes_on(*stack, op.schema().arguments().size());
  // Asked before the work, so that NPU_FALLBACK=error stops it.
  NPU_CALL(core().note_fallback(name.c_str(), reason, bytes, 0));
  at::native::cpu_fallback(op, stack);
}

}  // namespace npu::ops
