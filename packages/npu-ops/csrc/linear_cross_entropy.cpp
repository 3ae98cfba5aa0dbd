// SPDX-License-Identifier: BSD-3-Clause
// torch.nn.functional.linear_cross_entropy with options: a few rows at a time are multiplied and reduced, so
// that the logits of a whole batch never exist. PyTorch's own takes 20 launches for each piece, and pieces
// as small as the user likes; these take 8, and no piece is so small that it saves nothing.
#include <ATen/core/Reduction.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/_log_softmax_backward_data.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/nll_loss_backward.h>
#include <ATen/ops/nll_loss_forward.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include <algorithm>

#include "autocast.h"
#include "dtypes.h"
#include "tensors.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;
using Four = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

// Where PyTorch keeps one matrix of logits, these keep two (the logarithms and their gradient) or three, so
// a piece is a third of the rows asked for; but matrices of 4 MB are always fine.
constexpr int64_t kMatrices = 3, kSmall = int64_t{4} << 20;

// The operands of one call, in the dtype that sums are made in.
struct Operands {
  at::Tensor input, target, weight, classes;
  MaybeTensor bias;
  c10::ScalarType wide;
  int64_t ignored, rows;

  int64_t batch() const { return input.size(0); }
  at::Tensor part(int64_t from, int64_t size) const { return cast(input.narrow(0, from, size), wide); }
  // The logarithms of the probabilities of the classes, for some rows.
  at::Tensor logarithms(const at::Tensor& x) const {
    return at::_log_softmax(bias ? at::addmm(*bias, x, weight.t()) : at::mm(x, weight.t()), 1, false);
  }
  template <class F>
  void pieces(F f) const {
    for (int64_t from = 0; from < batch(); from += rows) f(from, std::min(rows, batch() - from));
  }
};

bool present(const MaybeTensor& t) { return t && t->defined(); }

// Halves are summed in float32 even where PyTorch's default for a device it does not know is the halves'
// own dtype: the CPU's default is float32 too. Undefined `input` where the operands are not those that CANN's
// operators take: then PyTorch's own does it, and words what it refuses.
Operands operands(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& target,
                  const MaybeTensor& bias, const MaybeTensor& classes, int64_t ignored, int64_t rows,
                  c10::ScalarType wide) {
  const auto dtype = input.scalar_type();
  auto taken = [&](const at::Tensor& t) { return t.device() == input.device() && t.scalar_type() == dtype; };
  const bool halves = at::isReducedFloatingType(dtype) && (wide == dtype || wide == at::kFloat);
  if (!(halves || (dtype == at::kFloat && wide == at::kFloat)) || input.dim() != 2 || weight.dim() != 2 ||
      target.dim() != 1 || target.scalar_type() != at::kLong || target.device() != input.device() ||
      !taken(weight) || (present(bias) && !taken(*bias)) || (present(classes) && !taken(*classes)) ||
      (dtype == at::kBFloat16 && !soc_has_bfloat16()))
    return {};
  wide = at::kFloat;
  const int64_t row = std::max<int64_t>(weight.size(0), 1) * static_cast<int64_t>(c10::elementSize(wide));
  Operands o{input, target, cast(weight, wide), {}, std::nullopt, wide, ignored, 1};
  o.rows = std::max({int64_t{1}, rows / kMatrices, kSmall / row});
  if (present(bias)) o.bias = cast(*bias, wide);
  o.classes = present(classes) ? cast(*classes, wide) : at::full({weight.size(0)}, 1, o.weight.options());
  return o;
}

// The weights of the classes over those of all rows together, of which ignored ones have none: the mean is
// then a sum. Returns a one, or NaN where no row counts.
at::Tensor weigh_for_mean(Operands& o, bool weighted) {
  const at::Tensor counted = at::ne(o.target, o.ignored);
  const at::Tensor total =
      weighted ? at::sum(o.classes.index_select(0, at::where(counted, o.target, 0)).mul_(counted), o.wide)
               : at::sum(counted, o.wide);
  o.classes = o.classes.div(total);
  return total.div(total);
}

// PyTorch's own kernel, which is registered for every device; this one stands before it.
template <class... A>
torch::jit::Stack pytorchs(const char* name, A&&... a) {
  torch::jit::Stack stack;
  torch::jit::push(stack, std::forward<A>(a)...);
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &stack);
  return stack;
}

Four chunked(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& target,
             const MaybeTensor& bias, const MaybeTensor& classes, c10::string_view reduction, int64_t ignored,
             double smoothing, int64_t rows, c10::string_view policy, c10::ScalarType wide, bool retain,
             bool of_input, bool of_weight, bool of_bias) {
  const c10::DeviceGuard guard(input.device());
  const NoAutocast exact;
  const bool mean = reduction == "mean";
  Operands o;
  // A gradient that was not asked for when a graph was traced and is now: PyTorch's refuses.
  auto late = [](bool asked, const at::Tensor& t) {
    return !asked && t.requires_grad() && at::GradMode::is_enabled();
  };
  if ((mean || reduction == "sum") && smoothing <= 0 && input.size(0) > 0 && !late(of_input, input) &&
      !late(of_weight, weight) && !(present(bias) && late(of_bias, *bias)))
    o = operands(input, weight, target, bias, classes, ignored, rows, wide);
  if (!o.input.defined()) {
    const auto r =
        pytorchs("torch_nn::_linear_cross_entropy_batch_chunked", input, weight, target, bias, classes,
                 reduction, ignored, smoothing, rows, policy, wide, retain, of_input, of_weight, of_bias);
    return {r[0].toTensor(), r[1].toTensor(), r[2].toTensor(), r[3].toTensor()};
  }
  const auto dtype = input.scalar_type();
  const bool whole = o.rows >= o.batch();  // in one piece the loss divides by itself
  const at::Tensor one =
      mean && !whole ? weigh_for_mean(o, present(classes)) : at::full({}, 1, o.weight.options());
  const auto reduce = mean && whole ? at::Reduction::Mean : at::Reduction::Sum;
  at::Tensor loss,
      input_grad = at::empty(of_input ? input.sizes() : at::IntArrayRef({0, 0}), input.options()),
      weight_grad, bias_grad;
  auto add = [](at::Tensor& sum, const at::Tensor& t) { sum.defined() ? sum.add_(t) : sum = t; };
  o.pieces([&](int64_t from, int64_t size) {
    const at::Tensor x = o.part(from, size), y = o.target.narrow(0, from, size), logs = o.logarithms(x);
    const auto [part, total] = at::nll_loss_forward(logs, y, o.classes, reduce, o.ignored);
    add(loss, part);
    if (!of_input && !of_weight && !of_bias) return;
    const at::Tensor back = at::nll_loss_backward(one, logs, y, o.classes, reduce, o.ignored, total);
    const at::Tensor grad = at::_log_softmax_backward_data(back, logs, 1, o.wide);
    if (of_input) {
      at::Tensor here = input_grad.narrow(0, from, size);
      dtype == o.wide ? at::mm_out(here, grad, o.weight) : here.copy_(at::mm(grad, o.weight));
    }
    if (of_weight)
      weight_grad.defined() ? weight_grad.addmm_(grad.t(), x) : weight_grad = at::mm(grad.t(), x);
    if (of_bias) add(bias_grad, at::sum(grad, 0));
  });
  if (mean && !whole) loss = loss.mul_(one);
  auto given = [&](bool asked, const at::Tensor& t, at::IntArrayRef none) {
    return asked ? cast(t, dtype) : at::empty(none, input.options());
  };
  return {cast(loss, dtype), input_grad, given(of_weight, weight_grad, {0, 0}),
          given(of_bias, bias_grad, {0})};
}

at::Tensor chunked_rows(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& target,
                        const MaybeTensor& bias, const MaybeTensor& classes, int64_t ignored, int64_t rows,
                        c10::string_view policy, c10::ScalarType wide) {
  const c10::DeviceGuard guard(input.device());
  const NoAutocast exact;
  const Operands o = operands(input, weight, target, bias, classes, ignored, rows, wide);
  if (!o.input.defined())
    return pytorchs("torch_nn::_linear_cross_entropy_batch_chunked_no_reduction", input, weight, target, bias,
                    classes, ignored, rows, policy, wide)[0]
        .toTensor();
  const at::Tensor losses = at::empty({o.batch()}, input.options());
  o.pieces([&](int64_t from, int64_t size) {
    const at::Tensor logs = o.logarithms(o.part(from, size));
    const auto reduced =
        at::nll_loss_forward(logs, o.target.narrow(0, from, size), o.classes, at::Reduction::None, o.ignored);
    losses.narrow(0, from, size).copy_(std::get<0>(reduced));
  });
  return losses;
}

}  // namespace

TORCH_LIBRARY_IMPL(torch_nn, PrivateUse1, m) {
  m.impl("_linear_cross_entropy_batch_chunked", TORCH_FN(chunked));
  m.impl("_linear_cross_entropy_batch_chunked_no_reduction", TORCH_FN(chunked_rows));
}

}  // namespace npu::ops
