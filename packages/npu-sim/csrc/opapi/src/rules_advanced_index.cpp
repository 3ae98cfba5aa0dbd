// SPDX-License-Identifier: BSD-3-Clause
// Indexing by tensors: a shape that only integers determine. With masks it depends on data, and the kernel
// checks.
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

// The shape of self[indices]; false if a mask is among them.
bool indexed_shape(const Call& c, Shape& result) {
  const FlatTensor& self = *c.tensor(0);
  const uint32_t n = c.list_size(1);
  if (n > self.ndim)
    refuse(c, "indices", std::to_string(n) + " tensors",
           "at most one for each dim of " + nnop::describe(self));
  Shape common;
  int first = -1, last = -1;
  bool together = true;
  for (uint32_t i = 0; i < n; ++i) {
    const FlatTensor* t = c.list_tensor(1, i);
    if (!t || (t->ndim == 1 && t->sizes()[0] == 0)) continue;  // this dim is not indexed
    if (t->dtype == ACL_BOOL || t->dtype == ACL_UINT8) return false;
    if (last >= 0 && static_cast<int>(i) != last + 1) together = false;
    if (first < 0) first = static_cast<int>(i);
    last = static_cast<int>(i);
    auto d = t->sizes();
    if (d.size() > common.size()) common.insert(common.begin(), d.size() - common.size(), 1);
    for (size_t j = 0; j < d.size(); ++j) {
      int64_t& have = common[common.size() - d.size() + j];
      if (have != d[j] && have != 1 && d[j] != 1)
        refuse(c, "indices", nnop::describe(*t) + " at " + std::to_string(i),
               "a shape that broadcasts with " + text(common));
      if (d[j] != 1) have = d[j];
    }
  }
  for (uint32_t i = 0; i < self.ndim; ++i) {
    const FlatTensor* t = i < n ? c.list_tensor(1, i) : nullptr;
    const bool indexed = t && !(t->ndim == 1 && t->sizes()[0] == 0);
    if (together && static_cast<int>(i) == first) result.append(common.begin(), common.end());
    if (!indexed) result.push_back(self.sizes()[i]);
  }
  if (!together) result.insert(result.begin(), common.begin(), common.end());
  return true;
}

}  // namespace

// An output without elements is let through: an index of shape [0] and a dim that is not indexed look alike.
void index(const Call& c) {
  Shape s;
  if (c.tensor(2)->numel() != 0 && indexed_shape(c, s)) expect_outputs(c, s, "that of 'self' at 'indices'");
  keeps_dtype(c);
}

void index_put(const Call& c) {
  Shape s;
  const FlatTensor& values = *c.tensor(2);
  expect_dtype(c, "values", values, first_input(c).dtype, "that of the written tensor");
  for (uint32_t i = 0; i < c.list_size(1); ++i)
    if (!c.list_tensor(1, i))
      refuse(c, "indices", "null at " + std::to_string(i),
             "a tensor of shape [0] for a dim that is not indexed");
  if (values.numel() == 0 || !indexed_shape(c, s)) return;
  auto d = values.sizes();
  bool fits = true;
  for (size_t i = 0; i < d.size(); ++i) {
    const int64_t want = i + s.size() >= d.size() ? s[i + s.size() - d.size()] : 1;
    fits = fits && (d[i] == 1 || d[i] == want);
  }
  if (!fits) refuse(c, "values", nnop::describe(values), "a shape that broadcasts to " + text(s));
}

void embedding_backward(const Call& c) {
  const FlatTensor &grad = *c.tensor(0), &indices = *c.tensor(1);
  const int64_t width = grad.ndim ? grad.sizes()[grad.ndim - 1] : 1;
  if (grad.numel() != indices.numel() * width)
    refuse(c, "grad", nnop::describe(grad), "a row for each of " + nnop::describe(indices));
  const int64_t s[] = {static_cast<int64_t>(c.word(static_cast<uint32_t>(find(c, "numWeights")))), width};
  expect_outputs(c, s, "numWeights rows of the gradient's width");
}

}  // namespace npu_sim::ops::rules
