// SPDX-License-Identifier: BSD-3-Clause
// Copies, casts and fills.
#include <ATen/ops/arange.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/range.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/triu.h>

#include "../kernel.h"

namespace npu_sim::ops {

NPU_SIM_KERNEL(aclnnInplaceCopy, rules::in_place) = [](Out self, In src) { self.copy_(src); };
NPU_SIM_KERNEL(aclnnCast, rules::all<rules::first_shape, rules::dtype_given>) = [](In self, at::ScalarType,
                                                                                   Out out) {
  out.copy_(self.sizes() == out.sizes() ? self : self.reshape(out.sizes()));
};
NPU_SIM_KERNEL(aclnnInplaceZero, rules::in_place) = [](Out self) { self.zero_(); };
NPU_SIM_KERNEL(aclnnInplaceOne, rules::in_place) = [](Out self) { self.fill_(1); };
NPU_SIM_KERNEL(aclnnInplaceFillScalar, rules::in_place) = [](Out self, Num value) { self.fill_(value); };
NPU_SIM_KERNEL(aclnnInplaceFillTensor, rules::fill_value) = [](Out self, In value) {
  self.fill_(value.numel() == 1 ? value.reshape({}) : value);
};

NPU_SIM_KERNEL(aclnnArange, rules::arange) = [](Num start, Num end, Num step, Out out) {
  at::arange_out(out, start, end, step);
};
NPU_SIM_KERNEL(aclnnRange, rules::range) = [](Num start, Num end, Num step, Out out) {
  at::range_out(out, start, end, step);
};
NPU_SIM_KERNEL(aclnnLinspace, rules::counted) = [](Num start, Num end, int64_t steps, Out out) {
  at::linspace_out(out, start, end, steps);
};
NPU_SIM_KERNEL(aclnnEye, rules::eye) = [](int64_t n, int64_t m, Out out) { at::eye_out(out, n, m); };
NPU_SIM_KERNEL(aclnnTril, rules::same) = [](In self, int64_t diagonal, Out out) {
  at::tril_out(out, self, diagonal);
};
NPU_SIM_KERNEL(aclnnTriu, rules::same) = [](In self, int64_t diagonal, Out out) {
  at::triu_out(out, self, diagonal);
};
NPU_SIM_KERNEL(aclnnInplaceTril, rules::in_place) = [](Out self, int64_t diagonal) {
  at::tril_out(self, self, diagonal);
};
NPU_SIM_KERNEL(aclnnInplaceTriu, rules::in_place) = [](Out self, int64_t diagonal) {
  at::triu_out(self, self, diagonal);
};

}  // namespace npu_sim::ops
