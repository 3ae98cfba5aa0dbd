// SPDX-License-Identifier: BSD-3-Clause
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

const FlatTensor& at(const Call& c, const char* name) {
  return *c.tensor(static_cast<uint32_t>(find(c, name)));
}

int64_t reduction(const Call& c) {
  const auto r = static_cast<int64_t>(c.word(static_cast<uint32_t>(find(c, "reduction"))));
  if (r < 0 || r > 2) refuse(c, "reduction", std::to_string(r), "0 (none), 1 (mean) or 2 (sum)");
  return r;
}

void expect_loss(const Call& c, int64_t how, Sizes each) {
  const FlatTensor& out = at(c, "out");
  if (how != 0 ? out.numel() != 1 : !equal(out.sizes(), each))
    refuse(c, "out", nnop::describe(out), how != 0 ? "one element" : "shape " + text(each));
}

// Rows of classes, a target each, a weight for every class.
void expect_classes(const Call& c) {
  const FlatTensor &self = at(c, "self"), &target = at(c, "target"), &weight = at(c, "weight");
  if (self.ndim != 1 && self.ndim != 2) refuse(c, "self", nnop::describe(self), "1 or 2 dims");
  const int64_t rows = self.ndim == 2 ? self.sizes()[0] : 1, classes = self.sizes()[self.ndim - 1];
  if (target.numel() != rows || target.ndim > 1)
    refuse(c, "target", nnop::describe(target), "a class for each of " + std::to_string(rows) + " rows");
  if (weight.numel() != classes)
    refuse(c, "weight", nnop::describe(weight),
           "a weight for each of " + std::to_string(classes) + " classes");
}

}  // namespace

void nll_loss(const Call& c) {
  expect_classes(c);
  expect_loss(c, reduction(c), at(c, "target").sizes());
}

void nll_loss_backward(const Call& c) {
  reduction(c);
  expect_classes(c);
  like_self(c);
}

void loss(const Call& c) {
  const Shape each = broadcast_shape(c);
  expect_loss(c, reduction(c), each);
}

}  // namespace npu_sim::ops::rules
