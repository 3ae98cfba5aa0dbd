// SPDX-License-Identifier: BSD-3-Clause
// Writing along an index, and taking by places counted through the whole tensor.
#include <ATen/ops/index_copy.h>
#include <ATen/ops/repeat_interleave.h>
#include <ATen/ops/scatter_reduce.h>
#include <ATen/ops/take.h>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::FlatTensor;

// How aclnnScatterReduce combines: 0 replaces.
constexpr const char* kHow[] = {"", "sum", "prod", "amax", "amin", "mean"};

void combined(const Call& c) {
  rules::scatter(c);
  const int64_t how = rules::number(c, "reduce");
  if (how < 0 || how > 5) rules::refuse(c, "reduce", std::to_string(how), "0 to 5");
}

void combine(Out out, int64_t dim, In index, In src, int64_t how, bool include_self) {
  const at::Tensor places = index.to(at::kLong);
  if (how == 0)
    out.scatter_(dim, places, src);
  else
    out.scatter_reduce_(dim, places, src, kHow[how], include_self);
}

void copied_slices(const Call& c) {
  const FlatTensor &self = rules::at(c, "selfRef"), &index = rules::at(c, "index"),
                   &source = rules::at(c, "source");
  const int64_t dim = rules::wrap(c, "dim", rules::number(c, "dim"), self.ndim);
  if (index.ndim > 1) rules::refuse(c, "index", nnop::describe(index), "at most 1 dim");
  rules::Shape s = rules::shape(self);
  if (!s.empty()) s[static_cast<size_t>(dim)] = index.numel();
  rules::expect_shape(c, "source", source, s, "that of 'selfRef' with the number of indices at 'dim'");
  rules::expect_dtype(c, "source", source, self.dtype, "that of 'selfRef'");
}

void put(const Call& c) {
  const FlatTensor &self = rules::at(c, "selfRef"), &index = rules::at(c, "index"),
                   &source = rules::at(c, "source");
  rules::expect_numel(c, "source", source, index.numel());
  rules::expect_dtype(c, "source", source, self.dtype, "that of 'selfRef'");
}

void taken(const Call& c) {
  rules::expect_outputs(c, rules::at(c, "index").sizes(), "that of 'index'");
  rules::keeps_dtype(c);
}

void repeated(const Call& c) {
  const FlatTensor& repeats = rules::at(c, "repeats");
  if (repeats.ndim > 1) rules::refuse(c, "repeats", nnop::describe(repeats), "at most 1 dim");
  const auto [p, out] = rules::first_output(c);
  rules::expect_numel(c, p.name, out, rules::number(c, "outputSize"));
}

}  // namespace

NPU_SIM_KERNEL(aclnnScatterReduce, combined) = [](In self, int64_t dim, In index, In src, int64_t how,
                                                  bool include_self, Out out) {
  if (out.data_ptr() != self.data_ptr()) out.copy_(self);
  combine(out, dim, index, src, how, include_self);
};
NPU_SIM_KERNEL(aclnnInplaceIndexCopy, copied_slices) = [](Out self, int64_t dim, In index, In source) {
  self.index_copy_(dim, index.to(at::kLong), source);
};
NPU_SIM_KERNEL(aclnnIndexCopy, copied_slices) = [](Out self, int64_t dim, In index, In source, Out out) {
  out.copy_(at::index_copy(self, dim, index.to(at::kLong), source));
};
NPU_SIM_KERNEL(aclnnInplacePut, put) = [](Out self, In index, In source, bool accumulate) {
  // put_ itself asks torch's deterministic mode, which is the process's and not the device's.
  at::Tensor whole = self.contiguous();
  whole.view(-1).index_put_({index.to(at::kLong).reshape(-1)}, source.reshape(-1), accumulate);
  if (!whole.is_same(self)) self.copy_(whole);
};
NPU_SIM_KERNEL(aclnnTake, taken) = [](In self, In index, Out out) {
  out.copy_(at::take(self, index.to(at::kLong)));
};
NPU_SIM_KERNEL(aclnnRepeatInterleaveTensor, repeated) = [](In repeats, int64_t size, Out out) {
  out.copy_(at::repeat_interleave(repeats, std::optional<int64_t>(size)));
};

}  // namespace npu_sim::ops
