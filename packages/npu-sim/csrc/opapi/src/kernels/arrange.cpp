// SPDX-License-Identifier: BSD-3-Clause
// Channels mixed, pieces split off and joined in chunks, classes as rows, windows added back.
#include <ATen/ops/_chunk_cat.h>
#include <ATen/ops/unfold_backward.h>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;

void channel_shuffle(const Call& c) {
  const auto& self = at(c, "self");
  const int64_t groups = rules::number(c, "groups");
  if (self.ndim < 3) rules::refuse(c, "self", nnop::describe(self), "at least 3 dims");
  if (groups < 1 || self.sizes()[1] % groups)
    rules::refuse(c, "groups", std::to_string(groups),
                  "a divisor of the channels of " + nnop::describe(self));
  rules::first_shape(c);
  rules::keeps_dtype(c);
}

// The pieces' sizes along 'dim' are 'splitSize', which make up that of 'self'.
void split(const Call& c) {
  const auto& self = at(c, "self");
  const rules::Sizes sizes = rules::numbers(c, "splitSize");
  const auto dim = static_cast<size_t>(rules::wrap(c, "dim", rules::number(c, "dim"), self.ndim));
  int64_t sum = 0;
  for (int64_t s : sizes) sum += s;
  if (self.ndim == 0 || sum != self.sizes()[dim])
    rules::refuse(c, "splitSize", rules::text(sizes),
                  "sizes that make up dim " + std::to_string(dim) + " of " + nnop::describe(self));
  const auto out = static_cast<uint32_t>(rules::find(c, "out"));
  if (c.list_size(out) != sizes.size())
    rules::refuse(c, "out", std::to_string(c.list_size(out)) + " tensors", std::to_string(sizes.size()));
  for (uint32_t i = 0; i < sizes.size(); ++i) {
    rules::Shape s = rules::shape(self);
    s[dim] = sizes[i];
    if (const auto* t = c.list_tensor(out, i)) rules::expect_shape(c, "out", *t, s, "that of its piece");
  }
}

// A dim of 'numClasses' at 'axis'; the classes' values are numbers.
void one_hot(const Call& c) {
  const auto& self = at(c, "self");
  const int64_t classes = static_cast<int32_t>(rules::number(c, "numClasses"));
  if (classes < 0) rules::refuse(c, "numClasses", std::to_string(classes), "at least 0");
  for (const char* name : {"onValue", "offValue"}) rules::expect_numel(c, name, at(c, name), 1);
  rules::Shape s = rules::shape(self);
  const int64_t axis = rules::wrap(c, "axis", rules::number(c, "axis"), self.ndim + 1);
  s.insert(s.begin() + axis, classes);
  rules::expect_outputs(c, s, "that of 'self' with the classes");
}

void unfold_grad(const Call& c) {
  const rules::Sizes in = rules::numbers(c, "inputSizes");
  const int64_t size = rules::number(c, "size"), step = rules::number(c, "step");
  const auto dim =
      static_cast<size_t>(rules::wrap(c, "dim", rules::number(c, "dim"), static_cast<int64_t>(in.size())));
  if (step < 1) rules::refuse(c, "step", std::to_string(step), "at least 1");
  if (in.empty() || size < 1 || size > in[dim])
    rules::refuse(c, "size", std::to_string(size), "1 to the size of dim " + std::to_string(dim));
  rules::Shape s(in.begin(), in.end());
  s[dim] = (in[dim] - size) / step + 1;
  s.push_back(size);
  rules::expect_shape(c, "gradOut", at(c, "gradOut"), s, "that of the windows");
  rules::expect_outputs(c, in, "'inputSizes'");
  rules::keeps_dtype(c);
}

void chunk_cat(const Call& c) {
  if (const int64_t n = rules::number(c, "numChunks"); n < 1)
    rules::refuse(c, "numChunks", std::to_string(n), "at least 1");
  if (c.list_size(0) == 0) rules::refuse(c, "tensors", "an empty list", "at least one tensor");
}

}  // namespace

NPU_SIM_KERNEL(aclnnChannelShuffle, channel_shuffle) = [](In self, int64_t groups, Out out) {
  std::vector<int64_t> grouped = self.sizes().vec();
  grouped[1] /= groups;
  grouped.insert(grouped.begin() + 1, groups);
  out.copy_(self.reshape(grouped).transpose(1, 2).reshape(self.sizes()));
};
NPU_SIM_KERNEL(aclnnSplitWithSize, split) = [](In self, at::IntArrayRef sizes, int64_t dim,
                                               at::TensorList out) {
  int64_t at = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (out[i].defined()) out[i].copy_(self.narrow(dim, at, sizes[i]));
    at += sizes[i];
  }
};
// A class outside of the classes gives a row of 'offValue'.
NPU_SIM_KERNEL(aclnnOneHot, one_hot) = [](In self, int64_t classes, In on, In off, int64_t axis, Out out) {
  out.copy_(off.reshape({}).expand(out.sizes()));
  const int64_t dim = axis < 0 ? axis + out.dim() : axis;
  for (int64_t k = 0; k < classes; ++k)
    out.select(dim, k).masked_fill_(self.eq(k), on.reshape({}).to(out.scalar_type()));
};
NPU_SIM_KERNEL(aclnnUnfoldGrad, unfold_grad) = [](In grad, at::IntArrayRef in, int64_t dim, int64_t size,
                                                  int64_t step, Out out) {
  put(out, at::unfold_backward(grad, in, dim < 0 ? dim + static_cast<int64_t>(in.size()) : dim, size, step));
};
NPU_SIM_KERNEL(aclnnChunkCat, chunk_cat) = [](at::TensorList tensors, int64_t dim, int64_t chunks, Out out) {
  put(out, at::_chunk_cat(tensors, dim, chunks));
};

}  // namespace npu_sim::ops
