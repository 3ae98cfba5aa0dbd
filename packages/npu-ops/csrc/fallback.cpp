// SPDX-License-Identifier: BSD-3-Clause
#include "fallback.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/native/CPUFallback.h>
#include <c10/util/Exception.h>

#include <algorithm>

#include "devices.h"
#include "npu/core/launch.h"
#include "random.h"

namespace npu::ops {
namespace {

// Why the CPU computes "aten::mm.out", or null if no line names it.
const char* named_reason(std::string_view key) {
  for (const FallbackReason* f = kFallbacks; f->op; ++f)
    if (key == f->op) return f->reason;
  return nullptr;
}

// The same, or the reason of all operators that no line names: only dtypes send those here.
const char* reason_of(std::string_view key) {
  const char* reason = named_reason(key);
  return reason ? reason : named_reason("*");
}

// The device of the operands. RuntimeError if they are on several: the CPU's
// kernel would not notice.
c10::Device device_of(const char* name, const torch::jit::Stack& stack, size_t n) {
  DeviceCheck check(name, /*host_scalars=*/true);
  for (const c10::IValue& v : c10::ArrayRef(stack).slice(stack.size() - n)) {
    if (v.isTensor()) check.see(v.toTensor());
    if (v.isTensorList())
      for (const at::Tensor& t : v.toTensorList()) check.see(std::optional(t));
  }
  return check.device();
}

uint64_t bytes_on(const torch::jit::Stack& stack, size_t n) {
  uint64_t bytes = 0;
  auto see = [&](const at::Tensor& t) {
    if (t.defined()) bytes += static_cast<uint64_t>(t.is_sparse() ? t._nnz() : t.numel()) * t.element_size();
  };
  for (size_t i = stack.size() - n; i < stack.size(); ++i) {
    if (stack[i].isTensor())
      see(stack[i].toTensor());
    else if (stack[i].isTensorList())
      for (const at::Tensor& t : stack[i].toTensorList()) see(t);
  }
  return bytes;
}

// The CPU's kernels want generators of the CPU, and ours must decide the
// numbers: one of the CPU is seeded by what ours gives.
void replace_generator(const c10::FunctionSchema& schema, c10::Device device, torch::jit::Stack* stack) {
  const size_t first = stack->size() - schema.arguments().size();
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    if (schema.arguments()[i].name() != "generator") continue;
    c10::IValue& given = (*stack)[first + i];
    const Philox drawn = draw(given.toOptional<at::Generator>(), device, 4);
    TORCH_CHECK(!drawn.captured(), schema.name(),
                " runs on the CPU, which cannot be captured into a graph. Move "
                "it out of the graph.");
    constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;  // spreads offsets over the seeds
    given = at::detail::createCPUGenerator(static_cast<uint64_t>(drawn.seed) +
                                           static_cast<uint64_t>(drawn.offset) * kGolden);
  }
}

// Counts a use of the CPU. Asked before the work, so that NPU_FALLBACK=error
// stops it.
c10::Device note(const std::string& name, const char* reason, const torch::jit::Stack& stack, size_t n) {
  const c10::Device device = device_of(name.c_str(), stack, n);
  NPU_CALL(core().note_fallback(name.c_str(), reason ? reason : "not declared", bytes_on(stack, n), 0));
  return device;
}

bool writes(const c10::Argument& a) {
  const bool told = a.alias_info() && a.alias_info()->isWrite();
  return told || a.name() == "running_mean" || a.name() == "running_var";
}

// Also for what at::native::cpu_fallback does not know: tensors that are not dense, and writes that the
// schema does not tell.
void moved_fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack, const char* reason) {
  const auto& arguments = op.schema().arguments();
  const size_t n = arguments.size(), first = stack->size() - n;
  const c10::Device device = note(toString(op.operator_name()), reason, *stack, n);
  std::vector<std::pair<at::Tensor, at::Tensor>> written,
      operands;  // ours, and the CPU's
  auto moved = [](const at::Tensor& t, c10::Device d) { return t.defined() ? t.to(d) : t; };
  auto on_host = [&](const at::Tensor& t) {  // one that stands twice in the call is one there
    for (auto& [here, there] : operands)
      if (here.is_same(t)) return there;
    return operands.emplace_back(t, moved(t, at::kCPU)).second;
  };
  for (size_t i = 0; i < n; ++i) {
    c10::IValue& given = (*stack)[first + i];
    if (given.isTensorList()) {
      std::vector<at::Tensor> there;
      for (const at::Tensor& t : given.toTensorVector()) there.push_back(on_host(t));
      given = there;
    }
    if (!given.isTensor()) continue;
    at::Tensor here = given.toTensor(), there = on_host(here);
    if (here.defined() && writes(arguments[i])) written.emplace_back(here, there);
    given = there;
  }
  op.callBoxed(stack);
  for (auto& [here, there] : written) {
    if (here.layout() != at::kStrided)
      here.resize_as_sparse_(there);
    else if (here.sizes() != there.sizes())
      here.resize_(there.sizes());
    here.copy_(there);
  }
  for (size_t i = first; i < stack->size(); ++i) {
    c10::IValue& result = (*stack)[i];
    if (!result.isTensor()) continue;
    const at::Tensor there = result.toTensor();
    auto own =
        std::find_if(written.begin(), written.end(), [&](const auto& w) { return w.second.is_same(there); });
    result = own == written.end() ? moved(there, device) : own->first;
  }
}

}  // namespace

void cpu_fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const std::string name = toString(op.operator_name());
  // Its schema does not tell that it writes the running statistics.
  if (op.schema().name() == "aten::native_batch_norm") return moved_fallback(op, stack, reason_of(name));
  const c10::Device device = note(name, reason_of(name), *stack, op.schema().arguments().size());
  replace_generator(op.schema(), device, stack);
  at::native::cpu_fallback(op, stack);
}

void sparse_fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  moved_fallback(op, stack, "CANN computes nothing on sparse tensors");
}
void quantized_fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  moved_fallback(op, stack, "CANN computes nothing on PyTorch's quantised tensors");
}

void note_declared(const char* name, std::initializer_list<at::Tensor> operands) {
  uint64_t bytes = 0;
  for (const at::Tensor& t : operands) bytes += t.defined() ? t.nbytes() : 0;
  const char* reason = reason_of(name);
  NPU_CALL(core().note_fallback(name, reason ? reason : "not declared", bytes, 0));
}

c10::OperatorHandle declared_fallback(const char* name) {
  const std::string key = std::string("aten::") + name;
  if (!reason_of(key)) throw;
  const size_t dot = key.find('.');
  const auto op = c10::Dispatcher::singleton().findSchema(
      {key.substr(0, dot), dot == key.npos ? std::string() : key.substr(dot + 1)});
  // What torch has for accelerators only, the CPU cannot answer.
  if (!op || !op->hasComputedKernelForDispatchKey(c10::DispatchKey::CPU)) throw;
  return *op;
}

}  // namespace npu::ops
