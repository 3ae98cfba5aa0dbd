// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/fallback.h"

#include <torch/library.h>

#include <atomic>
#include <sstream>

namespace npu {

namespace {

std::atomic<bool> g_ops_installed{false};

void describe(std::ostream& out, const at::Tensor& t) {
  if (!t.defined()) {
    out << "None";
    return;
  }
  out << t.scalar_type() << t.sizes();
  if (!t.device().is_privateuseone()) out << " on " << t.device();
}

// The tensors among the operator's arguments, "self: Float[2, 3], mat2: Float[3, 4] on cpu".
std::string describe_arguments(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const auto& parameters = op.schema().arguments();
  std::ostringstream out;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const c10::IValue& value = stack[stack.size() - parameters.size() + i];
    if (!value.isTensor() && !value.isTensorList()) continue;
    out << (out.tellp() > 0 ? ", " : "") << parameters[i].name() << ": ";
    if (value.isTensor()) {
      describe(out, value.toTensor());
    } else {
      const auto tensors = value.toTensorVector();
      out << "[";
      for (size_t j = 0; j < tensors.size(); ++j) {
        if (j) out << ", ";
        describe(out, tensors[j]);
      }
      out << "]";
    }
  }
  return out.str();
}

// Runs for every operator that has neither an npu kernel nor a composite one.
void refuse(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const std::string arguments = describe_arguments(op, *stack);
  const char* remedy =
      g_ops_installed.load(std::memory_order_relaxed)
          ? "npu-ops has no kernel for it yet. Call it on tensor.cpu(), or report the operator to npu-ops."
          : "npu-core alone has no operators: pip install npu-ops (or see `npu doctor` for why it was not "
            "loaded).";
  TORCH_CHECK_NOT_IMPLEMENTED(false, op.operator_name(), arguments.empty() ? "" : "(", arguments,
                              arguments.empty() ? "" : ")", " has no kernel on device npu. ", remedy);
}

}  // namespace

void set_ops_installed(bool installed) noexcept {
  g_ops_installed.store(installed, std::memory_order_relaxed);
}

}  // namespace npu

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&npu::refuse>());
}

// torch.autocast("npu", enabled=False) and models that build autocast contexts must work without npu-amp,
// which registers its policy on single operators.
TORCH_LIBRARY_IMPL(_, AutocastPrivateUse1, m) { m.fallback(torch::CppFunction::makeFallthrough()); }
