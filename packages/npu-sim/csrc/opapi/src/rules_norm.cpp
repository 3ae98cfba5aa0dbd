// SPDX-License-Identifier: BSD-3-Clause
// Normalisations and what is computed backward through them and through convolutions.
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

// Those of `names` that are present have `n` elements.
void expect_each(const Call& c, std::initializer_list<const char*> names, int64_t n) {
  for (const char* name : names)
    if (const FlatTensor* t = optional(c, name)) expect_numel(c, name, *t, n);
}

void expect_like(const Call& c, const char* name, const FlatTensor& like, const char* why) {
  if (const FlatTensor* t = optional(c, name)) expect_shape(c, name, *t, like.sizes(), why);
}

// Whether the caller wants gradient `i`: what it does not want may be null, or anything.
bool wants(const Call& c, uint32_t i) {
  const auto mask = c.bools(static_cast<uint32_t>(find(c, "outputMask")));
  if (mask.size() != 3)
    refuse(c, "outputMask", std::to_string(mask.size()) + " values", "one for each of 3 gradients");
  return mask[i];
}

int64_t channels(const Call& c, const FlatTensor& in) {
  if (in.ndim < 2) refuse(c, "input", nnop::describe(in), "at least 2 dims");
  return in.sizes()[1];
}

int64_t normalized(const Call& c, const FlatTensor& in) {
  const Sizes tail = numbers(c, "normalizedShape");
  if (tail.empty() || tail.size() > in.ndim || !std::equal(tail.rbegin(), tail.rend(), in.sizes().rbegin()))
    refuse(c, "normalizedShape", text(tail), "the last sizes of " + nnop::describe(in));
  int64_t n = 1;
  for (int64_t d : tail) n *= d;
  return n;
}

// N, C, HxW and group describe the tensor called `name`; answers C.
int64_t grouped(const Call& c, const char* name) {
  const FlatTensor& t = at(c, name);
  const int64_t n = number(c, "N"), channels = number(c, "C"), groups = number(c, "group");
  if (t.numel() != n * channels * number(c, "HxW"))
    refuse(c, name, nnop::describe(t), "N x C x HxW elements");
  if (groups < 1 || channels % groups) refuse(c, "group", std::to_string(groups), "a divisor of C");
  return channels;
}

}  // namespace

void layer_norm(const Call& c) {
  const FlatTensor& in = first_input(c);
  expect_each(c, {"weightOptional", "biasOptional"}, normalized(c, in));
  expect_like(c, "out", in, "that of the input");
}

void layer_norm_backward(const Call& c) {
  const FlatTensor& in = at(c, "input");
  const int64_t n = normalized(c, in);
  expect_like(c, "gradOut", in, "that of the input");
  expect_each(c, {"weightOptional", "biasOptional"}, n);
  expect_each(c, {"mean", "rstd"}, n ? in.numel() / n : 0);
  if (wants(c, 0)) expect_like(c, "gradInputOut", in, "that of the input");
  if (wants(c, 1)) expect_each(c, {"gradWeightOut"}, n);
  if (wants(c, 2)) expect_each(c, {"gradBiasOut"}, n);
}

void group_norm(const Call& c) {
  const int64_t channels = grouped(c, "self");
  expect_each(c, {"gamma", "beta"}, channels);
  expect_like(c, "out", at(c, "self"), "that of 'self'");
  expect_each(c, {"meanOut", "rstdOut"}, number(c, "N") * number(c, "group"));
}

void group_norm_backward(const Call& c) {
  const int64_t channels = grouped(c, "input");
  expect_like(c, "gradOut", at(c, "input"), "that of the input");
  expect_each(c, {"gamma"}, channels);
  expect_each(c, {"mean", "rstd"}, number(c, "N") * number(c, "group"));
  if (wants(c, 0)) expect_like(c, "gradInput", at(c, "input"), "that of the input");
  if (wants(c, 1)) expect_each(c, {"gradGammaOut"}, channels);
  if (wants(c, 2)) expect_each(c, {"gradBetaOut"}, channels);
}

// Statistics of the batch are saved in training only; else their tensors may be empty.
void batch_norm(const Call& c) {
  const FlatTensor& in = at(c, "input");
  const int64_t n = channels(c, in);
  expect_each(c, {"weight", "bias", "runningMean", "runningVar"}, n);
  expect_like(c, "output", in, "that of the input");
  if (number(c, "training")) expect_each(c, {"saveMean", "saveInvstd"}, n);
}

void batch_norm_backward(const Call& c) {
  const FlatTensor& in = at(c, "input");
  const int64_t n = channels(c, in);
  expect_like(c, "gradOut", in, "that of the input");
  expect_each(c, {"weight", "runningMean", "runningVar"}, n);
  if (number(c, "training")) expect_each(c, {"saveMean", "saveInvstd"}, n);
  if (wants(c, 0)) expect_like(c, "gradInput", in, "that of the input");
  if (wants(c, 1)) expect_each(c, {"gradWeight"}, n);
  if (wants(c, 2)) expect_each(c, {"gradBias"}, n);
}

void convolution_backward(const Call& c) {
  const FlatTensor &grad = at(c, "gradOutput"), &in = at(c, "input"), &weight = at(c, "weight");
  if (weight.ndim < 3 || weight.ndim > 5) refuse(c, "weight", nnop::describe(weight), "3 to 5 dims");
  if (grad.ndim != weight.ndim || in.ndim != weight.ndim)
    refuse(c, "gradOutput", nnop::describe(grad), "as many dims as " + nnop::describe(weight));
  if (wants(c, 0)) expect_like(c, "gradInput", in, "that of the input");
  if (wants(c, 1)) expect_like(c, "gradWeight", weight, "that of the weight");
  if (wants(c, 2)) expect_each(c, {"gradBias"}, grad.sizes()[1]);
}

}  // namespace npu_sim::ops::rules
