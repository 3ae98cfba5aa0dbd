// SPDX-License-Identifier: BSD-3-Clause
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

// The list called `tensors`, its first element as the shape to start from.
uint32_t listed(const Call& c) {
  const auto i = static_cast<uint32_t>(find(c, "tensors"));
  if (c.list_size(i) == 0) refuse(c, "tensors", "empty", "at least one tensor");
  for (uint32_t j = 0; j < c.list_size(i); ++j)
    if (!c.list_tensor(i, j)) refuse(c, "tensors", "null at " + std::to_string(j), "tensors");
  return i;
}

}  // namespace

void index_select(const Call& c) {
  const FlatTensor &self = at(c, "self"), &index = at(c, "index");
  if (index.ndim > 1) refuse(c, "index", nnop::describe(index), "at most 1 dim");
  Shape s = shape(self);
  const int64_t dim = wrap(c, "dim", number(c, "dim"), self.ndim);
  if (!s.empty()) s[static_cast<size_t>(dim)] = index.numel();
  expect_outputs(c, s, "that of 'self' with the number of indices at 'dim'");
  keeps_dtype(c);
}

void index_add(const Call& c) {
  like_self(c);
  keeps_dtype(c);
  const FlatTensor &self = at(c, "self"), &index = at(c, "index"), &source = at(c, "source");
  if (index.ndim > 1) refuse(c, "index", nnop::describe(index), "at most 1 dim");
  Shape s = shape(self);
  const int64_t dim = wrap(c, "dim", number(c, "dim"), self.ndim);
  if (!s.empty()) s[static_cast<size_t>(dim)] = index.numel();
  expect_shape(c, "source", source, s, "that of 'self' with the number of indices at 'dim'");
  expect_dtype(c, "source", source, self.dtype, "that of 'self'");
}

void index_fill(const Call& c) {
  const FlatTensor& index = at(c, "index");
  wrap(c, "dim", number(c, "dim"), first_input(c).ndim);
  if (index.ndim > 1) refuse(c, "index", nnop::describe(index), "at most 1 dim");
}

namespace {

// `index` lies within `t` in every dim but `except`.
void expect_within(const Call& c, const FlatTensor& index, const FlatTensor& t, int64_t except,
                   const char* name) {
  for (uint32_t i = 0; i < index.ndim && i < t.ndim; ++i)
    if (static_cast<int64_t>(i) != except && index.sizes()[i] > t.sizes()[i])
      refuse(c, "index", nnop::describe(index),
             std::string("sizes of at most those of '") + name + "', " + nnop::describe(t));
}

void expect_index(const Call& c, const FlatTensor& self, const FlatTensor& index) {
  dim_in_range(c);
  if (index.ndim != self.ndim && index.ndim && self.ndim)
    refuse(c, "index", nnop::describe(index), "as many dims as 'self', " + nnop::describe(self));
  if (index.numel() != 0) expect_within(c, index, self, wrap(c, "dim", number(c, "dim"), self.ndim), "self");
}

}  // namespace

void gather(const Call& c) {
  const FlatTensor &self = at(c, "self"), &index = at(c, "index");
  expect_index(c, self, index);
  expect_outputs(c, index.sizes(), "that of 'index'");
  keeps_dtype(c);
}

// 'src', where there is one, has the written tensor's dtype and holds a value for each index.
void scatter(const Call& c) {
  const FlatTensor &self = first_input(c), &index = at(c, "index");
  expect_index(c, self, index);
  expect_outputs(c, self.sizes(), "that of 'self'");
  keeps_dtype(c);
  const FlatTensor* src = optional(c, "src");
  if (!src) return;
  expect_dtype(c, "src", *src, self.dtype, "that of 'self'");
  if (src->ndim != index.ndim && src->ndim && index.ndim)
    refuse(c, "src", nnop::describe(*src), "as many dims as 'index', " + nnop::describe(index));
  expect_within(c, index, *src, -1, "src");
}

void embedding(const Call& c) {
  const FlatTensor& weight = at(c, "weight");
  if (weight.ndim != 2) refuse(c, "weight", nnop::describe(weight), "a tensor of 2 dims");
  Shape s = shape(at(c, "indices"));
  s.push_back(weight.sizes()[1]);
  expect_outputs(c, s, "that of 'indices' and a row of 'weight'");
  keeps_dtype(c);
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

namespace {

// Lists of one length, without null; each output's shape is that of the first list, or one element.
void expect_lists(const Call& c, bool one_element) {
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
      const FlatTensor& t = *c.list_tensor(i, j);
      const Sizes s = c.list_tensor(like, j)->sizes();
      if (p.is_output() && static_cast<int>(i) != first &&
          (one_element ? t.numel() != 1 : !equal(t.sizes(), s)))
        refuse(c, p.name, nnop::describe(t) + " at " + std::to_string(j),
               one_element ? "one element" : "shape " + text(s));
    }
  }
}

}  // namespace

void lists(const Call& c) { expect_lists(c, false); }
void list_norms(const Call& c) { expect_lists(c, true); }
void unscale(const Call& c) {
  lists(c);
  for (const char* name : {"foundInf", "invScale"})
    if (const FlatTensor* t = optional(c, name)) expect_numel(c, name, *t, 1);
}

void topk(const Call& c) {
  const FlatTensor& self = at(c, "self");
  const int64_t dim = wrap(c, "dim", number(c, "dim"), self.ndim), k = number(c, "k");
  Shape s = shape(self);
  const int64_t size = s.empty() ? 1 : s[static_cast<size_t>(dim)];
  if (k < 0 || k > size) refuse(c, "k", std::to_string(k), "0 to " + std::to_string(size));
  if (!s.empty()) s[static_cast<size_t>(dim)] = k;
  expect_outputs(c, s, "that of 'self' with k at 'dim'");
  keeps_dtype(c);
}

void like_self(const Call& c) { expect_outputs(c, at(c, "self").sizes(), "that of 'self'"); }

void flip(const Call& c) {
  first_shape(c);
  uint64_t seen = 0;
  for (int64_t d : numbers(c, "dims")) {
    const uint64_t bit = uint64_t{1} << wrap(c, "dims", d, first_input(c).ndim);
    if (seen & bit) refuse(c, "dims", text(numbers(c, "dims")), "each dim once");
    seen |= bit;
  }
}

void roll(const Call& c) {
  first_shape(c);
  one_dtype(c);
  const Sizes shifts = numbers(c, "shifts"), dims = numbers(c, "dims");
  if (shifts.size() != (dims.empty() ? 1 : dims.size()))
    refuse(c, "shifts", text(shifts), dims.empty() ? "one number" : "a number for each of " + text(dims));
  for (int64_t d : dims) wrap(c, "dims", d, first_input(c).ndim);
}

}  // namespace npu_sim::ops::rules
