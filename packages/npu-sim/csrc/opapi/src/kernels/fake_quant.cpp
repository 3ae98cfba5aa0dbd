// SPDX-License-Identifier: BSD-3-Clause
// Numbers as few bits would hold them, and which of them were in range.
#include <ATen/ops/fmax.h>
#include <ATen/ops/fmin.h>
#include <ATen/ops/scalar_tensor.h>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

void range_and_results(const Call& c) {
  const auto& self = rules::at(c, "self");
  const int64_t least = rules::number(c, "quantMin"), most = rules::number(c, "quantMax");
  if (least > most)
    rules::refuse(c, "quantMin", std::to_string(least), "at most 'quantMax', " + std::to_string(most));
  rules::expect_dtype(c, "scale", rules::at(c, "scale"), self.dtype, "that of 'self'");
  rules::expect_dtype(c, "out", rules::at(c, "out"), self.dtype, "that of 'self'");
  rules::expect_outputs(c, self.sizes(), "that of 'self'");
}

void per_tensor(const Call& c) {
  range_and_results(c);
  for (const char* one : {"scale", "zeroPoint"}) rules::expect_numel(c, one, rules::at(c, one), 1);
}

void per_channel(const Call& c) {
  range_and_results(c);
  const auto& self = rules::at(c, "self");
  const int64_t axis = rules::wrap(c, "axis", rules::number(c, "axis"), self.ndim);
  const int64_t channels[] = {self.ndim ? self.sizes()[axis] : 1};
  for (const char* each : {"scale", "zeroPoint"})
    rules::expect_shape(c, each, rules::at(c, each), channels, "a number for each channel");
}

void fake(In self, const at::Tensor& scale, const at::Tensor& zero, int64_t least, int64_t most, Out out,
          Out mask) {
  const at::Tensor x = wide(self), s = wide(scale);
  const at::Tensor q = x.mul(s.reciprocal()).round_().add_(zero);
  auto number = [&](int64_t n) { return at::scalar_tensor(n, q.options()); };
  mask.copy_(q.ge(least).logical_and_(q.le(most)));
  out.copy_(at::fmin(at::fmax(q, number(least)), number(most)).sub_(zero).mul_(s));
}

}  // namespace

NPU_SIM_KERNEL(aclnnFakeQuantPerTensorAffineCachemask, per_tensor) =
    [](In self, In scale, In zero, double enabled, int64_t least, int64_t most, Out out, Out mask) {
      if (enabled != 0) return fake(self, scale.reshape({}), zero.reshape({}), least, most, out, mask);
      out.copy_(self);
      mask.fill_(true);
    };
NPU_SIM_KERNEL(aclnnFakeQuantPerChannelAffineCachemask, per_channel) =
    [](In self, In scale, In zero, int64_t axis, int64_t least, int64_t most, Out out, Out mask) {
      at::DimVector sizes(self.dim(), 1);
      if (self.dim()) sizes[axis < 0 ? axis + self.dim() : axis] = -1;
      fake(self, scale.view(sizes), zero.view(sizes), least, most, out, mask);
    };

}  // namespace npu_sim::ops
