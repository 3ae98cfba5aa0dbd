// SPDX-License-Identifier: BSD-3-Clause
// One step of an LSTM from the products of its matrices: gates in torch's order, input, forget, cell and
// output.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;

// Four gates beside each other for each row of 'cx'; answers their shape.
rules::Shape gates(const Call& c) {
  const auto& cx = at(c, "cx");
  if (cx.ndim != 2) rules::refuse(c, "cx", nnop::describe(cx), "2 dims");
  return {cx.sizes()[0], 4 * cx.sizes()[1]};
}

void cell(const Call& c) {
  const rules::Shape four = gates(c);
  for (const char* name : {"inputGates", "hiddenGates", "storageOut"})
    rules::expect_shape(c, name, at(c, name), four, "four gates for each row of 'cx'");
  for (const char* name : {"hyOut", "cyOut"})
    rules::expect_shape(c, name, at(c, name), at(c, "cx").sizes(), "that of 'cx'");
  for (const char* name : {"inputBiasOptional", "hiddenBiasOptional"})
    if (const auto* t = rules::optional(c, name)) rules::expect_numel(c, name, *t, four[1]);
}

void cell_backward(const Call& c) {
  const rules::Shape four = gates(c);
  for (const char* name : {"storage", "gradGatesOut"})
    rules::expect_shape(c, name, at(c, name), four, "four gates for each row of 'cx'");
  for (const char* name : {"gradHyOptional", "gradCOptional", "cy", "gradCxOut"})
    if (const auto* t = rules::optional(c, name))
      rules::expect_shape(c, name, *t, at(c, "cx").sizes(), "that of 'cx'");
}

}  // namespace

// 'storage' keeps the gates as they were applied, for the way back.
NPU_SIM_KERNEL(aclnnThnnFusedLstmCell, cell) = [](In input, In hidden, In cx, OptIn input_bias,
                                                  OptIn hidden_bias, Out hy, Out cy, Out storage) {
  at::Tensor sum = wide(input) + wide(hidden);
  for (const auto* bias : {&input_bias, &hidden_bias})
    if (*bias) sum = sum + wide(**bias).reshape({1, -1});
  const auto g = sum.chunk(4, 1);
  const at::Tensor i = at::sigmoid(g[0]), f = at::sigmoid(g[1]), n = at::tanh(g[2]), o = at::sigmoid(g[3]);
  const at::Tensor state = f * wide(cx) + i * n;
  put(hy, o * at::tanh(state));
  put(cy, state);
  put(storage, at::cat({i, f, n, o}, 1));
};
NPU_SIM_KERNEL(aclnnThnnFusedLstmCellBackward, cell_backward) = [](OptIn grad_hy, OptIn grad_cy, In cx, In cy,
                                                                   In storage, bool has_bias, Out grad_gates,
                                                                   Out grad_cx, OptIn grad_bias) {
  const auto g = wide(storage).chunk(4, 1);
  const at::Tensor &i = g[0], &f = g[1], &n = g[2], &o = g[3], tanh = at::tanh(wide(cy));
  const at::Tensor dh = grad_hy ? wide(*grad_hy) : at::zeros_like(tanh);
  at::Tensor dc = dh * o * (1 - tanh * tanh);
  if (grad_cy) dc = dc + wide(*grad_cy);
  const at::Tensor all = at::cat(
      {dc * n * i * (1 - i), dc * wide(cx) * f * (1 - f), dc * i * (1 - n * n), dh * tanh * o * (1 - o)}, 1);
  put(grad_gates, all);
  put(grad_cx, dc * f);
  if (has_bias) put_wanted(grad_bias, all.sum(0));
};

}  // namespace npu_sim::ops
