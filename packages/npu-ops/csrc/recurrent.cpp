// SPDX-License-Identifier: BSD-3-Clause
// One step of an LSTM or a GRU from the products of its matrices, as PyTorch's recurrent layers call them.
// CANN has the LSTM's in one launch; the GRU's is made of others.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Five = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

constexpr DtypeSet kCell = dtypes("fh");

at::Tensor defined(const MaybeTensor& t) { return t ? *t : at::Tensor(); }

Three lstm_cell(const at::Tensor& input, const at::Tensor& hidden, const at::Tensor& cx,
                const MaybeTensor& input_bias, const MaybeTensor& hidden_bias) {
  static constexpr const char* op = "lstm_cell";
  c10::DeviceGuard guard(common_device(op, false, input, hidden, cx, input_bias, hidden_bias));
  for (const at::Tensor& t : {input, hidden, cx}) check_dtype(op, t, kCell);
  Three r{empty(cx.sizes(), cx.scalar_type()), empty(cx.sizes(), cx.scalar_type()),
          empty(input.sizes(), input.scalar_type())};
  auto& [hy, cy, gates] = r;
  if (cx.numel())
    launch<aclnnThnnFusedLstmCell>(input, hidden, cx, defined(input_bias), defined(hidden_bias), hy, cy,
                                   gates);
  return r;
}

Three lstm_cell_backward(const MaybeTensor& grad_hy, const MaybeTensor& grad_cy, const at::Tensor& cx,
                         const at::Tensor& cy, const at::Tensor& gates, bool has_bias) {
  static constexpr const char* op = "lstm_cell_backward";
  if (!defined(grad_hy).defined() && !defined(grad_cy).defined()) return {};
  c10::DeviceGuard guard(common_device(op, false, grad_hy, grad_cy, cx, cy, gates));
  check_dtype(op, cx, kCell);
  Three r{empty(gates.sizes(), gates.scalar_type()), empty(cx.sizes(), cx.scalar_type()),
          empty({gates.size(1)}, gates.scalar_type())};
  auto& [grad_gates, grad_cx, grad_bias] = r;
  if (cx.numel())
    launch<aclnnThnnFusedLstmCellBackward>(defined(grad_hy), defined(grad_cy), cx, cy, gates, has_bias,
                                           grad_gates, grad_cx, grad_bias);
  else
    grad_bias.zero_();
  if (!has_bias) grad_bias = at::Tensor();
  return r;
}

// The workspace holds reset, update and new gate, the state before, and the new gate's product of the state.
std::tuple<at::Tensor, at::Tensor> gru_cell(const at::Tensor& input, const at::Tensor& hidden,
                                            const at::Tensor& hx, const MaybeTensor& input_bias,
                                            const MaybeTensor& hidden_bias) {
  c10::DeviceGuard guard(common_device("gru_cell", false, input, hidden, hx, input_bias, hidden_bias));
  const at::Tensor a = defined(input_bias).defined() ? input + *input_bias : input;
  const at::Tensor b = defined(hidden_bias).defined() ? hidden + *hidden_bias : hidden;
  const auto i = a.chunk(3, 1), h = b.chunk(3, 1);
  const at::Tensor reset = at::sigmoid(i[0] + h[0]), update = at::sigmoid(i[1] + h[1]);
  const at::Tensor made = at::tanh(at::addcmul(i[2], reset, h[2]));
  return {at::addcmul(made, update, hx - made), at::cat({reset, update, made, hx, h[2]}, 1)};
}

Five gru_cell_backward(const at::Tensor& grad, const at::Tensor& workspace, bool has_bias) {
  c10::DeviceGuard guard(common_device("gru_cell_backward", false, grad, workspace));
  const auto w = workspace.chunk(5, 1);
  const at::Tensor &reset = w[0], &update = w[1], &made = w[2], &hx = w[3], &product = w[4];
  const at::Tensor d_made = grad * (1 - update) * (1 - made * made);
  const at::Tensor d_update = grad * (hx - made) * update * (1 - update);
  const at::Tensor d_reset = d_made * product * reset * (1 - reset);
  at::Tensor d_input = at::cat({d_reset, d_update, d_made}, 1);
  at::Tensor d_hidden = at::cat({d_reset, d_update, d_made * reset}, 1);
  at::Tensor input_bias, hidden_bias;
  if (has_bias) {
    input_bias = d_input.sum(0);
    hidden_bias = d_hidden.sum(0);
  }
  return {d_input, d_hidden, grad * update, input_bias, hidden_bias};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_thnn_fused_lstm_cell", lstm_cell>(m);
  impl<"_thnn_fused_lstm_cell_backward_impl", lstm_cell_backward>(m);
  impl<"_thnn_fused_gru_cell", gru_cell>(m);
  impl<"_thnn_fused_gru_cell_backward", gru_cell_backward>(m);
}

}  // namespace npu::ops
