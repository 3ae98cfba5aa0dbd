// SPDX-License-Identifier: BSD-3-Clause
// x * log(y), which is 0 where x is; and rows of an embedding that are brought down to a norm.
#include <ATen/ops/embedding_renorm.h>
#include <ATen/ops/xlogy.h>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

void not_complex(const Call& c) {
  rules::for_each_input(c, [&](const rules::Param& p, const rules::FlatTensor& t) {
    if (rules::category(t.dtype) == 3) rules::refuse(c, p.name, nnop::describe(t), "a real dtype");
  });
}

void embedding_renorm(const Call& c) {
  const auto& self = rules::at(c, "selfRef");
  if (self.ndim != 2) rules::refuse(c, "selfRef", nnop::describe(self), "2 dims");
}

}  // namespace

NPU_SIM_KERNEL(aclnnXLogYTensor, rules::all<not_complex, rules::broadcast>) = [](In self, In other, Out out) {
  out.copy_(at::xlogy(self, other));
};
NPU_SIM_KERNEL(aclnnXLogYScalarOther, rules::all<not_complex, rules::same>) =
    [](In self, Num other, Out out) { out.copy_(at::xlogy(self, other)); };
NPU_SIM_KERNEL(aclnnXLogYScalarSelf, rules::all<not_complex, rules::same>) = [](Num self, In other, Out out) {
  out.copy_(at::xlogy(self, other));
};
NPU_SIM_KERNEL(aclnnEmbeddingRenorm, embedding_renorm) = [](Out self, In indices, double max_norm,
                                                            double norm_type) {
  at::embedding_renorm_(self, indices.to(at::kLong), max_norm, norm_type);
};

}  // namespace npu_sim::ops
