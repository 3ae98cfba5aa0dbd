// SPDX-License-Identifier: BSD-3-Clause
// Registers the policy on AutocastPrivateUse1. The kernels are torch's templates: they exclude the key, cast
// what is eligible through torch's cache, and call the operator again.
#include "policy.h"

namespace npu::amp {
namespace {

at::Tensor refuse_binary_cross_entropy(const at::Tensor& /*input*/, const at::Tensor& /*target*/,
                                       const std::optional<at::Tensor>& /*weight*/, int64_t /*reduction*/) {
  TORCH_CHECK(
      false,
      "binary_cross_entropy is not safe under autocast on npu: the sigmoid before it ran in a dtype in "
      "which probabilities near 0 and 1 are lost. Use binary_cross_entropy_with_logits in place of the "
      "two, or disable autocast for this call: torch.autocast('npu', enabled=False)");
}

}  // namespace

// torch's lists write these names without a namespace.
using at::IntArrayRef;
using at::Scalar;
using at::ScalarType;
using at::Tensor;

TORCH_LIBRARY_IMPL(aten, AutocastPrivateUse1, m) {
#define NPU_LOWER_PRECISION_FP(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, lower_precision_fp)
#define NPU_FP32(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32)
#define NPU_FP32_SET_OPT_DTYPE(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32_set_opt_dtype)
#define NPU_PROMOTE(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, promote)
  NPU_FORALL_LOWER_PRECISION_FP(NPU_LOWER_PRECISION_FP)
  NPU_FORALL_FP32(NPU_FP32)
  NPU_FORALL_FP32_SET_OPT_DTYPE(NPU_FP32_SET_OPT_DTYPE)
  NPU_FORALL_FP32_APPEND_DTYPE(KERNEL_DIFFERENT_REDISPATCH_SIGNATURE_PRIVATEUSEONE)
  NPU_FORALL_PROMOTE(NPU_PROMOTE)
  m.impl("binary_cross_entropy", TORCH_FN(refuse_binary_cross_entropy));
}

}  // namespace npu::amp
