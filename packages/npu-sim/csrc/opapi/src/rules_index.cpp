// SPDX-License-Identifier: BSD-3-Clause
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

const FlatTensor& at(const Call& c, const char* name) {
  return *c.tensor(static_cast<uint32_t>(find(c, name)));
}

int64_t number(const Call& c, const char* name) {
  return static_cast<int64_t>(c.word(static_cast<uint32_t>(find(c, name))));
}

Shape shape(const FlatTensor& t) { return {t.sizes().begin(), t.sizes().end()}; }

// The list called `tensors`, its first element as the shape to start from.
uint32_t listed(const Call& c) {
  const auto i = static_cast<uint32_t>(find(c, "tensors"));
  if (c.list_size(i) == 0) refuse(c, "tensors", "empty", "at least one tensor");
  for (uint32_t j = 0; j < c.list_size(i); ++j)
    if (!c.list_tensor(i, j)) refuse(c, "tensors", "null at " + std::to_string(j), "tensors");
  return i;
}

}  // namespace

void gather(const Call& c) {
  dim_in_range(c);
  const FlatTensor &self = at(c, "self"), &index = at(c, "index");
  if (index.ndim != self.ndim && index.ndim && self.ndim)
    refuse(c, "index", nnop::describe(index), "as many dims as 'self', " + nnop::describe(self));
  expect_outputs(c, index.sizes(), "that of 'index'");
}

void index_select(const Call& c) {
  const FlatTensor &self = at(c, "self"), &index = at(c, "index");
  if (index.ndim > 1) refuse(c, "index", nnop::describe(index), "at most 1 dim");
  Shape s = shape(self);
  const int64_t dim = wrap(c, "dim", number(c, "dim"), self.ndim);
  if (!s.empty()) s[static_cast<size_t>(dim)] = index.numel();
  expect_outputs(c, s, "that of 'self' with the number of indices at 'dim'");
}

void scatter(const Call& c) {
  dim_in_range(c);
  const FlatTensor &self = at(c, "self"), &index = at(c, "index");
  if (index.ndim != self.ndim && index.ndim && self.ndim)
    refuse(c, "index", nnop::describe(index), "as many dims as 'self', " + nnop::describe(self));
  expect_outputs(c, self.sizes(), "that of 'self'");
}

void embedding(const Call& c) {
  const FlatTensor& weight = at(c, "weight");
  if (weight.ndim != 2) refuse(c, "weight", nnop::describe(weight), "a tensor of 2 dims");
  Shape s = shape(at(c, "indices"));
  s.push_back(weight.sizes()[1]);
  expect_outputs(c, s, "that of 'indices' and a row of 'weight'");
}

// Tensors of shape [0] are skipped, as torch does.
void cat(const Call& c) {
  const uint32_t list = listed(c);
  Shape s;
  int64_t dim = 0, total = 0;
  bool first = true;
  for (uint32_t j = 0; j < c.list_size(list); ++j) {
    const FlatTensor& t = *c.list_tensor(list, j);
    if (t.ndim == 1 && t.sizes()[0] == 0) continue;
    Shape d = shape(t);
    if (first) {
      dim = wrap(c, "dim", number(c, "dim"), t.ndim);
      s = d;
      first = false;
      if (d.empty()) refuse(c, "tensors", nnop::describe(t), "at least 1 dim");
    }
    bool fits = d.size() == s.size();
    for (size_t i = 0; fits && i < d.size(); ++i) fits = static_cast<int64_t>(i) == dim || d[i] == s[i];
    if (!fits)
      refuse(c, "tensors", nnop::describe(t) + " at " + std::to_string(j),
             "sizes of " + text(s) + " but at 'dim'");
    total += d[static_cast<size_t>(dim)];
  }
  if (first)
    s = {0};
  else
    s[static_cast<size_t>(dim)] = total;
  expect_outputs(c, s, "that of the joined tensors");
}

void stack(const Call& c) {
  const uint32_t list = listed(c);
  Shape s = shape(*c.list_tensor(list, 0));
  for (uint32_t j = 1; j < c.list_size(list); ++j)
    if (const FlatTensor& t = *c.list_tensor(list, j); !equal(t.sizes(), s))
      refuse(c, "tensors", nnop::describe(t) + " at " + std::to_string(j), "shape " + text(s));
  const int64_t dim = wrap(c, "dim", number(c, "dim"), static_cast<int64_t>(s.size()) + 1);
  s.insert(s.begin() + dim, c.list_size(list));
  expect_outputs(c, s, "that of the stacked tensors");
}

void lists(const Call& c) {
  int first = -1;
  for (uint32_t i = 0; i < c.op().count; ++i) {
    const Param& p = c.op().params[i];
    if (p.kind != Kind::tensors || !c.has(i)) continue;
    if (first < 0) first = static_cast<int>(i);
    const auto like = static_cast<uint32_t>(first);
    if (c.list_size(i) != c.list_size(like))
      refuse(c, p.name, std::to_string(c.list_size(i)) + " tensors", std::to_string(c.list_size(like)));
    for (uint32_t j = 0; j < c.list_size(i); ++j) {
      if (!c.list_tensor(i, j)) refuse(c, p.name, "null at " + std::to_string(j), "tensors");
      if (p.is_output() && !equal(c.list_tensor(i, j)->sizes(), c.list_tensor(like, j)->sizes()))
        refuse(c, p.name, nnop::describe(*c.list_tensor(i, j)) + " at " + std::to_string(j),
               "shape " + text(c.list_tensor(like, j)->sizes()));
    }
  }
}

void norm(const Call& c) {
  const FlatTensor& in = first_input(c);
  const auto tail = c.ints(static_cast<uint32_t>(find(c, "normalizedShape")));
  if (tail.size() > in.ndim || !std::equal(tail.rbegin(), tail.rend(), in.sizes().rbegin()))
    refuse(c, "normalizedShape", text(tail), "the last sizes of " + nnop::describe(in));
  if (const FlatTensor& out = at(c, "out"); !equal(out.sizes(), in.sizes()))
    refuse(c, "out", nnop::describe(out), "shape " + text(in.sizes()));
}

void topk(const Call& c) {
  const FlatTensor& self = at(c, "self");
  const int64_t dim = wrap(c, "dim", number(c, "dim"), self.ndim), k = number(c, "k");
  Shape s = shape(self);
  const int64_t size = s.empty() ? 1 : s[static_cast<size_t>(dim)];
  if (k < 0 || k > size) refuse(c, "k", std::to_string(k), "0 to " + std::to_string(size));
  if (!s.empty()) s[static_cast<size_t>(dim)] = k;
  expect_outputs(c, s, "that of 'self' with k at 'dim'");
}

void like_self(const Call& c) { expect_outputs(c, at(c, "self").sizes(), "that of 'self'"); }

void permuted(const Call& c) {
  const int64_t n = first_input(c).numel();
  for_each_output(c, [&](const Param& p, const FlatTensor& t) {
    if (t.numel() != n) refuse(c, p.name, nnop::describe(t), std::to_string(n) + " elements");
  });
}

}  // namespace npu_sim::ops::rules
