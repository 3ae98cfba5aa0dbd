// SPDX-License-Identifier: BSD-3-Clause
// One step of an LSTM or a GRU from the products of its matrices, as PyTorch's recurrent layers call them.
// CANN has the LSTM's in one launch for two dtypes; in others, and the GRU's, it is made of others.
// Forward AD goes through the parts too: torch has no tangents of the fused steps.
#include <ATen/TensorOperators.h>
#include <ATen/ops/_thnn_fused_gru_cell_ops.h>
#include <ATen/ops/_thnn_fused_lstm_cell_ops.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "call.h"
#include "derivatives.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Two = std::tuple<at::Tensor, at::Tensor>;
using Five = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

constexpr DtypeSet kCell = dtypes("fh");

at::Tensor defined(const MaybeTensor& t) { return t ? *t : at::Tensor(); }

at::Tensor plus(const at::Tensor& t, const MaybeTensor& bias) {
  return defined(bias).defined() ? t + *bias : t;
}

// The gates are input, forget, new and output gate, as CANN leaves them.
Three lstm_parts(const at::Tensor& input, const at::Tensor& hidden, const at::Tensor& cx,
                 const MaybeTensor& input_bias, const MaybeTensor& hidden_bias) {
  const auto sums = (plus(input, input_bias) + plus(hidden, hidden_bias)).chunk(4, 1);
  const at::Tensor in = at::sigmoid(sums[0]), forget = at::sigmoid(sums[1]), made = at::tanh(sums[2]),
                   out = at::sigmoid(sums[3]);
  const at::Tensor cy = at::addcmul(forget * cx, in, made);
  return {out * at::tanh(cy), cy, at::cat({in, forget, made, out}, 1)};
}

Three lstm_parts_backward(const at::Tensor& grad_hy, const at::Tensor& grad_cy, const at::Tensor& cx,
                          const at::Tensor& cy, const at::Tensor& gates) {
  const auto g = gates.chunk(4, 1);
  const at::Tensor &in = g[0], &forget = g[1], &made = g[2], &out = g[3], state = at::tanh(cy);
  at::Tensor d_state = grad_cy;
  if (grad_hy.defined()) {
    const at::Tensor through = grad_hy * out * (1 - state * state);
    d_state = grad_cy.defined() ? grad_cy + through : through;
  }
  const at::Tensor d_out = grad_hy.defined() ? grad_hy * state : at::zeros_like(cy);
  const at::Tensor d_gates = at::cat({d_state * made * in * (1 - in), d_state * cx * forget * (1 - forget),
                                      d_state * in * (1 - made * made), d_out * out * (1 - out)},
                                     1);
  return {d_gates, d_state * forget, d_gates.sum(0)};
}

Three lstm_cell(const at::Tensor& input, const at::Tensor& hidden, const at::Tensor& cx,
                const MaybeTensor& input_bias, const MaybeTensor& hidden_bias) {
  static constexpr const char* op = "lstm_cell";
  c10::DeviceGuard guard(common_device(op, false, input, hidden, cx, input_bias, hidden_bias));
  if (!(kCell & bit(cx.scalar_type()))) return lstm_parts(input, hidden, cx, input_bias, hidden_bias);
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
  const bool fused = kCell & bit(cx.scalar_type());
  Three r = fused ? Three{empty(gates.sizes(), gates.scalar_type()), empty(cx.sizes(), cx.scalar_type()),
                          empty({gates.size(1)}, gates.scalar_type())}
                  : lstm_parts_backward(defined(grad_hy), defined(grad_cy), cx, cy, gates);
  auto& [grad_gates, grad_cx, grad_bias] = r;
  if (fused && cx.numel())
    launch<aclnnThnnFusedLstmCellBackward>(defined(grad_hy), defined(grad_cy), cx, cy, gates, has_bias,
                                           grad_gates, grad_cx, grad_bias);
  else if (fused)
    grad_bias.zero_();
  if (!has_bias) grad_bias = at::Tensor();
  return r;
}

// The workspace holds reset, update and new gate, the state before, and the new gate's product of the state.
Two gru_cell(const at::Tensor& input, const at::Tensor& hidden, const at::Tensor& hx,
             const MaybeTensor& input_bias, const MaybeTensor& hidden_bias) {
  c10::DeviceGuard guard(common_device("gru_cell", false, input, hidden, hx, input_bias, hidden_bias));
  const auto i = plus(input, input_bias).chunk(3, 1), h = plus(hidden, hidden_bias).chunk(3, 1);
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

// A fused step at the autograd key: by its parts if an operand has a tangent, else as torch differentiates
// it.
template <class Op, auto Parts, class Result>
Result derived(c10::DispatchKeySet keys, const at::Tensor& input, const at::Tensor& hidden,
               const at::Tensor& state, const MaybeTensor& input_bias, const MaybeTensor& hidden_bias) {
  for (const at::Tensor& t : {input, hidden, state, defined(input_bias), defined(hidden_bias)})
    if (t.defined() && t._fw_grad(/*level=*/0).defined())
      return Parts(input, hidden, state, input_bias, hidden_bias);
  return Op::redispatch(torchs_autograd(keys), input, hidden, state, input_bias, hidden_bias);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, AutogradPrivateUse1, m) {
  m.impl("_thnn_fused_lstm_cell", TORCH_FN((derived<at::_ops::_thnn_fused_lstm_cell, lstm_parts, Three>)));
  m.impl("_thnn_fused_gru_cell", TORCH_FN((derived<at::_ops::_thnn_fused_gru_cell, gru_cell, Two>)));
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_thnn_fused_lstm_cell", lstm_cell>(m);
  impl<"_thnn_fused_lstm_cell_backward_impl", lstm_cell_backward>(m);
  impl<"_thnn_fused_gru_cell", gru_cell>(m);
  impl<"_thnn_fused_gru_cell_backward", gru_cell_backward>(m);
}

}  // namespace npu::ops
