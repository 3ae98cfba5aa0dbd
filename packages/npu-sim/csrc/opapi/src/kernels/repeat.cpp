// SPDX-License-Identifier: BSD-3-Clause
// Each element, or slice along a dim, in a row as often as it is told.
#include <ATen/ops/repeat_interleave.h>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;

// The output's size where the slices are repeated; 'outputSize' is what it is filled to.
void each(const Call& c) {
  const auto &self = at(c, "self"), &out = at(c, "out");
  const int64_t size = rules::number(c, "outputSize");
  const bool flat = rules::find(c, "dim") < 0;
  const int64_t dim = flat ? 0 : rules::wrap(c, "dim", rules::number(c, "dim"), self.ndim);
  const int64_t slices = flat ? self.numel() : self.ndim ? self.sizes()[static_cast<size_t>(dim)] : 1;
  if (const auto i = static_cast<uint32_t>(rules::find(c, "repeats"));
      c.op().params[i].kind == nnop::Kind::tensor) {
    const auto& repeats = *c.tensor(i);
    if (repeats.ndim > 1 || (repeats.numel() != slices && repeats.numel() != 1))
      rules::refuse(c, "repeats", nnop::describe(repeats),
                    "a number, or one for each of " + std::to_string(slices));
  } else {
    const int64_t n = rules::number(c, "repeats");
    if (n < 0) rules::refuse(c, "repeats", std::to_string(n), "at least 0");
    if (size != n * slices) rules::refuse(c, "outputSize", std::to_string(size), std::to_string(n * slices));
  }
  rules::Shape s = flat ? rules::Shape{size} : rules::shape(self);
  if (s.empty()) s.push_back(size);
  s[static_cast<size_t>(dim)] = size;
  rules::expect_shape(c, "out", out, s, "that of 'self' with 'outputSize' at the dim");
  rules::keeps_dtype(c);
}

}  // namespace

NPU_SIM_KERNEL(aclnnRepeatInterleave, each) = [](In self, In repeats, int64_t size, Out out) {
  out.copy_(at::repeat_interleave(self, repeats, std::nullopt, size));
};
NPU_SIM_KERNEL(aclnnRepeatInterleaveWithDim, each) = [](In self, In repeats, int64_t dim, int64_t size,
                                                        Out out) {
  out.copy_(at::repeat_interleave(self.dim() ? self : self.view({1}), repeats, dim, size));
};
NPU_SIM_KERNEL(aclnnRepeatInterleaveInt, each) = [](In self, int64_t repeats, int64_t, Out out) {
  out.copy_(at::repeat_interleave(self, repeats));
};
NPU_SIM_KERNEL(aclnnRepeatInterleaveIntWithDim, each) = [](In self, int64_t repeats, int64_t dim, int64_t,
                                                           Out out) {
  out.copy_(at::repeat_interleave(self.dim() ? self : self.view({1}), repeats, dim));
};

}  // namespace npu_sim::ops
