// SPDX-License-Identifier: BSD-3-Clause
// Joining, repeating, reordering and sorting.
#include <ATen/ops/cat.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>

#include "../kernel.h"

namespace npu_sim::ops {

NPU_SIM_KERNEL(aclnnCat, rules::cat) = [](at::TensorList tensors, int64_t dim, Out out) {
  at::cat_out(out, tensors, dim);
};
NPU_SIM_KERNEL(aclnnStack, rules::stack) = [](at::TensorList tensors, int64_t dim, Out out) {
  out.copy_(at::stack(tensors, dim));
};
NPU_SIM_KERNEL(aclnnRepeat, rules::repeat) = [](In self, at::IntArrayRef repeats, Out out) {
  out.copy_(self.repeat(repeats));
};
NPU_SIM_KERNEL(aclnnFlip, rules::flip) = [](In self, at::IntArrayRef dims, Out out) {
  out.copy_(at::flip(self, dims));
};
NPU_SIM_KERNEL(aclnnRoll, rules::roll) = [](In x, at::IntArrayRef shifts, at::IntArrayRef dims, Out out) {
  out.copy_(at::roll(x, shifts, dims));
};

NPU_SIM_KERNEL(aclnnTopk, rules::topk, rules::input_bytes) = [](In self, int64_t k, int64_t dim, bool largest,
                                                                bool sorted, Out values, Out indices) {
  auto [v, i] = at::topk(self, k, dim, largest, sorted);
  values.copy_(v);
  indices.copy_(i);
};
NPU_SIM_KERNEL(aclnnSort, rules::along_dim, rules::input_bytes) =
    [](In self, bool stable, int64_t dim, bool descending, Out values, Out indices) {
      auto [v, i] = at::sort(self, stable, dim, descending);
      values.copy_(v);
      indices.copy_(i);
    };

}  // namespace npu_sim::ops
