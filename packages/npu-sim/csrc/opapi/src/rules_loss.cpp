// SPDX-License-Identifier: BSD-3-Clause
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

int64_t reduction(const Call& c) {
  const int64_t r = number(c, "reduction");
  if (r < 0 || r > 2) refuse(c, "reduction", std::to_string(r), "0 (none), 1 (mean) or 2 (sum)");
  return r;
}

void expect_loss(const Call& c, int64_t how, Sizes each) {
  const auto [p, out] = first_output(c);
  if (how != 0)
    expect_numel(c, p.name, out, 1);
  else
    expect_shape(c, p.name, out, each, "that of the elements' losses");
}

// What the losses of classes share: a weight for every class, and the sum of those that counted.
void expect_weights(const Call& c, int64_t classes) {
  const FlatTensor &self = at(c, "self"), &weight = at(c, "weight");
  if (weight.numel() != classes)
    refuse(c, "weight", nnop::describe(weight),
           "a weight for each of " + std::to_string(classes) + " classes");
  expect_dtype(c, "weight", weight, self.dtype, "that of 'self'");
  for (const char* total : {"totalWeight", "totalWeightOut"})
    if (const FlatTensor* t = optional(c, total)) expect_numel(c, total, *t, 1);
}

// Rows of classes, a target each.
void expect_rows(const Call& c) {
  const FlatTensor &self = at(c, "self"), &target = at(c, "target");
  if (self.ndim != 1 && self.ndim != 2) refuse(c, "self", nnop::describe(self), "1 or 2 dims");
  const int64_t rows = self.ndim == 2 ? self.sizes()[0] : 1;
  if (target.numel() != rows || target.ndim > 1)
    refuse(c, "target", nnop::describe(target), "a class for each of " + std::to_string(rows) + " rows");
  expect_weights(c, self.sizes()[self.ndim - 1]);
}

// Planes of classes, a target for each pixel.
void expect_planes(const Call& c) {
  const FlatTensor &self = at(c, "self"), &target = at(c, "target");
  if (self.ndim != 4) refuse(c, "self", nnop::describe(self), "a tensor of 4 dims");
  const int64_t pixels[] = {self.sizes()[0], self.sizes()[2], self.sizes()[3]};
  expect_shape(c, "target", target, pixels, "a class for each pixel");
  expect_weights(c, self.sizes()[1]);
}

void expect_gradient(const Call& c, int64_t how, const FlatTensor& grad, Sizes each) {
  if (how == 0 ? !equal(grad.sizes(), each) : grad.numel() != 1)
    refuse(c, c.op().params[0].name, nnop::describe(grad), how == 0 ? "shape " + text(each) : "one element");
}

}  // namespace

void nll_loss(const Call& c) {
  expect_rows(c);
  expect_loss(c, reduction(c), at(c, "target").sizes());
}

void nll_loss_backward(const Call& c) {
  expect_rows(c);
  expect_gradient(c, reduction(c), *c.tensor(0), at(c, "target").sizes());
  like_self(c);
}

void nll_loss2d(const Call& c) {
  expect_planes(c);
  expect_loss(c, reduction(c), at(c, "target").sizes());
}

void nll_loss2d_backward(const Call& c) {
  expect_planes(c);
  expect_gradient(c, reduction(c), *c.tensor(0), at(c, "target").sizes());
  like_self(c);
}

void loss(const Call& c) {
  const Shape each = broadcast_shape(c);
  expect_loss(c, reduction(c), each);
}

void loss_backward(const Call& c) {
  reduction(c);
  broadcast(c);
}

namespace {
void expect_beta(const Call& c) {
  if (!(real(c, "beta") >= 0)) refuse(c, "beta", std::to_string(real(c, "beta")), "at least 0");
}
}  // namespace

void smooth_loss(const Call& c) {
  loss(c);
  expect_beta(c);
}

void smooth_loss_backward(const Call& c) {
  loss_backward(c);
  expect_beta(c);
}

void softmax_backward(const Call& c) {
  along_dim(c);
  const FlatTensor &grad = at(c, "gradOutput"), &output = at(c, "output");
  expect_shape(c, "output", output, grad.sizes(), "that of 'gradOutput'");
  expect_dtype(c, "output", output, grad.dtype, "that of 'gradOutput'");
}

}  // namespace npu_sim::ops::rules
