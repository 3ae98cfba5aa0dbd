// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

// A list of one number stands for all dims.
int64_t pick(Sizes v, size_t i, int64_t otherwise) {
  return v.empty() ? otherwise : v[std::min(i, v.size() - 1)];
}

}  // namespace

void convolution(const Call& c) {
  const FlatTensor &in = *c.tensor(0), &weight = *c.tensor(1);
  if (const int64_t math = number(c, "cubeMathType"); math < 0 || math > 4)
    refuse(c, "cubeMathType", std::to_string(math), "0 to 4");
  const bool transposed = c.word(static_cast<uint32_t>(find(c, "transposed"))) != 0;
  const auto groups = static_cast<int64_t>(c.word(static_cast<uint32_t>(find(c, "groups"))));
  if (weight.ndim < 3 || weight.ndim > 5) refuse(c, "weight", nnop::describe(weight), "3 to 5 dims");
  if (in.ndim != weight.ndim)
    refuse(c, "input", nnop::describe(in), "as many dims as " + nnop::describe(weight));
  if (groups < 1) refuse(c, "groups", std::to_string(groups), "at least 1");
  const int64_t channels = transposed ? weight.sizes()[0] : weight.sizes()[1] * groups;
  if (in.sizes()[1] != channels)
    refuse(c, "input", nnop::describe(in),
           std::to_string(channels) + " channels for weight " + nnop::describe(weight));
  const Sizes stride = numbers(c, "stride"), padding = numbers(c, "padding"),
              dilation = numbers(c, "dilation"), more = numbers(c, "outputPadding");
  Shape s{in.sizes()[0], transposed ? weight.sizes()[1] * groups : weight.sizes()[0]};
  for (uint32_t i = 0; i + 2 < in.ndim; ++i) {
    const int64_t window = pick(dilation, i, 1) * (weight.sizes()[i + 2] - 1), pad = 2 * pick(padding, i, 0);
    const int64_t step = pick(stride, i, 1), size = in.sizes()[i + 2];
    if (step < 1) refuse(c, "stride", text(stride), "at least 1");
    s.push_back(transposed ? (size - 1) * step - pad + window + 1 + pick(more, i, 0)
                           : (size + pad - window - 1) / step + 1);
  }
  expect_outputs(c, s, "that of the convolution");
}

namespace {

// Planes or volumes, batched or not.
void expect_space(const Call& c, const FlatTensor& in, uint32_t dims) {
  if (in.ndim != dims + 1 && in.ndim != dims + 2)
    refuse(c, c.op().params[0].name, nnop::describe(in),
           std::to_string(dims + 1) + " or " + std::to_string(dims + 2) + " dims");
}

Shape pooled(const Call& c, uint32_t dims) {
  const FlatTensor& in = first_input(c);
  expect_space(c, in, dims);
  const Sizes kernel = numbers(c, "kernelSize"), stride = c.ints(2), padding = c.ints(3);
  const int dilation = find(c, "dilation");
  const bool ceil = c.word(static_cast<uint32_t>(find(c, "ceilMode"))) != 0;
  Shape s(in.sizes().begin(), in.sizes().end());
  for (uint32_t i = 0; i < dims; ++i) {
    const int64_t k = pick(kernel, i, 1), step = pick(stride, i, k), pad = pick(padding, i, 0);
    const int64_t spread = dilation < 0 ? 1 : pick(c.ints(static_cast<uint32_t>(dilation)), i, 1);
    int64_t& size = s[in.ndim - dims + i];
    if (step < 1) refuse(c, c.op().params[2].name, text(stride), "at least 1");
    const int64_t room = size + 2 * pad - spread * (k - 1) - 1;
    int64_t n = (room + (ceil ? step - 1 : 0)) / step + 1;
    if (ceil && (n - 1) * step >= size + pad) --n;  // no window begins in the padding
    size = n;
  }
  return s;
}

}  // namespace

void pool2d(const Call& c) { expect_outputs(c, pooled(c, 2), "that of the pooled windows"); }
void pool3d(const Call& c) { expect_outputs(c, pooled(c, 3), "that of the pooled windows"); }

void pool2d_values(const Call& c) {
  expect_shape(c, "out", at(c, "out"), pooled(c, 2), "that of the pooled windows");
}

namespace {

// 'outputSize' instead of the last sizes.
void resized(const Call& c, uint32_t dims) {
  const FlatTensor& in = first_input(c);
  const Sizes size = numbers(c, "outputSize");
  expect_space(c, in, dims);
  if (size.size() != dims) refuse(c, "outputSize", text(size), std::to_string(dims) + " numbers");
  Shape s = shape(in);
  std::copy(size.begin(), size.end(), s.end() - dims);
  expect_outputs(c, s, "the input's with 'outputSize'");
}

// 'inputSize' is the gradient's shape, and the first input has 'outputSize' in the place of its last sizes.
void resized_backward(const Call& c, uint32_t dims) {
  const Sizes in = numbers(c, "inputSize"), out = numbers(c, "outputSize");
  if (in.size() != dims + 2) refuse(c, "inputSize", text(in), std::to_string(dims + 2) + " numbers");
  if (out.size() != dims) refuse(c, "outputSize", text(out), std::to_string(dims) + " numbers");
  Shape grad{in[0], in[1]};
  grad.append(out.begin(), out.end());
  expect_shape(c, c.op().params[0].name, first_input(c), grad, "'inputSize' with 'outputSize'");
  expect_outputs(c, in, "'inputSize'");
}

}  // namespace

void resized1d(const Call& c) { resized(c, 1); }
void resized2d(const Call& c) { resized(c, 2); }
void resized3d(const Call& c) { resized(c, 3); }
void resized1d_backward(const Call& c) { resized_backward(c, 1); }
void resized2d_backward(const Call& c) { resized_backward(c, 2); }
void resized3d_backward(const Call& c) { resized_backward(c, 3); }

}  // namespace npu_sim::ops::rules
