// SPDX-License-Identifier: BSD-3-Clause
// Masks, and outputs whose size depends on data: CANN wants room for the most that there can be.
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

// A mask that broadcasts to the written tensor, which it does not widen.
void expect_mask(const Call& c) {
  const FlatTensor &self = first_input(c), &mask = at(c, "mask");
  Shape s = shape(self);
  broadcast_with(c, s, "mask", mask);
  if (!equal(s, self.sizes()))
    refuse(c, "mask", nnop::describe(mask), "a shape that broadcasts to " + text(self.sizes()));
}

}  // namespace

void masked_fill(const Call& c) {
  expect_mask(c);
  const int i = find(c, "value");
  const auto at = static_cast<uint32_t>(i);
  if (c.op().params[at].kind == Kind::tensor && c.tensor(at)->ndim != 0)
    refuse(c, "value", nnop::describe(*c.tensor(at)), "a tensor of no dims");
}

// How many values the mask takes from 'source' depends on data.
void masked_scatter(const Call& c) {
  expect_mask(c);
  expect_dtype(c, "source", at(c, "source"), first_input(c).dtype, "that of the written tensor");
}

void masked_select(const Call& c) {
  const auto [p, out] = first_output(c);
  int64_t n = 1;
  for (int64_t d : broadcast_shape(c)) n *= d;
  if (out.ndim != 1) refuse(c, p.name, nnop::describe(out), "a tensor of 1 dim");
  expect_numel(c, p.name, out, n);
}

// A row of indices for each element, if none of them is zero. CANN does not look, and would write behind the
// output.
void nonzero(const Call& c) {
  const FlatTensor& self = first_input(c);
  const auto [p, out] = first_output(c);
  const int64_t most = self.numel() * self.ndim;
  if (out.numel() < most)
    refuse(c, p.name, nnop::describe(out),
           "room for " + std::to_string(most) + " indices, those of " + nnop::describe(self));
}

void fill_value(const Call& c) {
  const FlatTensor& value = at(c, "value");
  if (value.ndim > 1 || value.numel() != 1)
    refuse(c, "value", nnop::describe(value), "one element in at most 1 dim");
}

}  // namespace npu_sim::ops::rules
