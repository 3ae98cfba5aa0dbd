// SPDX-License-Identifier: BSD-3-Clause
// Pooling of volumes, and unpooling of planes and volumes: each value back where its maximum was.
#include <ATen/ops/_adaptive_avg_pool3d.h>
#include <ATen/ops/_adaptive_avg_pool3d_backward.h>
#include <ATen/ops/adaptive_max_pool3d.h>
#include <ATen/ops/adaptive_max_pool3d_backward.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/avg_pool3d_backward.h>
#include <ATen/ops/max_pool3d_with_indices.h>
#include <ATen/ops/max_pool3d_with_indices_backward.h>
#include <ATen/ops/zeros.h>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;
using Dims = at::IntArrayRef;

std::optional<int64_t> divisor(int64_t v) { return v ? std::optional(v) : std::nullopt; }

void pool3d_backward(const Call& c) {
  rules::like_self(c);
  if (const auto* indices = rules::optional(c, "indices"))
    rules::expect_shape(c, "indices", *indices, at(c, "gradOutput").sizes(), "that of 'gradOutput'");
}

// 'self' with its last kDims sizes replaced by 'outputSize'; an index for every value.
template <size_t kDims>
void unpool(const Call& c) {
  const auto &self = at(c, "self"), &indices = at(c, "indices");
  const rules::Sizes size = rules::numbers(c, "outputSize");
  if (self.ndim != kDims + 1 && self.ndim != kDims + 2)
    rules::refuse(c, "self", nnop::describe(self),
                  std::to_string(kDims + 1) + " or " + std::to_string(kDims + 2) + " dims");
  if (size.size() != kDims)
    rules::refuse(c, "outputSize", rules::text(size), std::to_string(kDims) + " numbers");
  rules::expect_shape(c, "indices", indices, self.sizes(), "that of 'self'");
  rules::Shape s = rules::shape(self);
  for (size_t i = 0; i < kDims; ++i) s[self.ndim - kDims + i] = size[i];
  rules::expect_outputs(c, s, "that of 'self' with 'outputSize'");
}

// An index counts within its plane or volume.
void unpool_into(Out out, In self, In indices, int64_t dims) {
  const int64_t planes = self.dim() == dims + 2 ? self.size(0) * self.size(1) : self.size(0);
  at::Tensor flat = at::zeros({planes, planes ? out.numel() / planes : 0}, self.options());
  if (self.numel()) flat.scatter_(1, indices.reshape({planes, -1}).to(at::kLong), self.reshape({planes, -1}));
  put(out, flat);
}

}  // namespace

NPU_SIM_KERNEL(aclnnAvgPool3d, rules::pool3d) = [](In self, Dims kernel, Dims stride, Dims padding, bool ceil,
                                                   bool count_pad, int64_t divide_by, Out out) {
  put(out, at::avg_pool3d(self, kernel, stride, padding, ceil, count_pad, divisor(divide_by)));
};
NPU_SIM_KERNEL(aclnnAvgPool3dBackward, rules::like_self) = [](In grad, In self, Dims kernel, Dims stride,
                                                              Dims padding, bool ceil, bool count_pad,
                                                              int64_t divide_by, Out out) {
  put(out, at::avg_pool3d_backward(grad, self, kernel, stride, padding, ceil, count_pad, divisor(divide_by)));
};
NPU_SIM_KERNEL(aclnnMaxPool3dWithArgmax, rules::pool3d, rules::output_bytes) =
    [](In self, Dims kernel, Dims stride, Dims padding, Dims dilation, bool ceil, Out out, Out indices) {
      auto [o, i] = at::max_pool3d_with_indices(self, kernel, stride, padding, dilation, ceil);
      put(out, o);
      put(indices, i);
    };
NPU_SIM_KERNEL(aclnnMaxPool3dWithArgmaxBackward, pool3d_backward) = [](In grad, In self, In indices,
                                                                       Dims kernel, Dims stride, Dims padding,
                                                                       Dims dilation, bool ceil, Out out) {
  put(out, at::max_pool3d_with_indices_backward(grad, self, kernel, stride, padding, dilation, ceil,
                                                indices.to(at::kLong)));
};
NPU_SIM_KERNEL(aclnnAdaptiveAvgPool3d, rules::resized3d) = [](In self, Dims size, Out out) {
  put(out, at::_adaptive_avg_pool3d(self, size));
};
NPU_SIM_KERNEL(aclnnAdaptiveAvgPool3dBackward, rules::like_self) = [](In grad, In self, Out out) {
  put(out, at::_adaptive_avg_pool3d_backward(grad, self));
};
NPU_SIM_KERNEL(aclnnAdaptiveMaxPool3d, rules::resized3d) = [](In self, Dims size, Out out, Out indices) {
  auto [o, i] = at::adaptive_max_pool3d(self, size);
  put(out, o);
  put(indices, i);
};
NPU_SIM_KERNEL(aclnnAdaptiveMaxPool3dBackward, pool3d_backward) = [](In grad, In self, In indices, Out out) {
  put(out, at::adaptive_max_pool3d_backward(grad, self, indices.to(at::kLong)));
};

NPU_SIM_KERNEL(aclnnMaxUnpool2d, unpool<2>) = [](In self, In indices, Dims, Out out) {
  unpool_into(out, self, indices, 2);
};
NPU_SIM_KERNEL(aclnnMaxUnpool3d, unpool<3>) = [](In self, In indices, Dims, Dims, Dims, Out out) {
  unpool_into(out, self, indices, 3);
};

}  // namespace npu_sim::ops
