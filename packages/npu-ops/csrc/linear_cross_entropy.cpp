// SPDX-License-Identifier: BSD-3-Clause
// torch.nn.functional.linear_cross_entropy with options: a few rows at a time are multiplied and reduced, so
// that the logits of a whole batch never exist. PyTorch's own takes 20 launches for each piece, and pieces
// as small as the user likes; these take 8, and no piece is so small that it saves nothing. Halves are summed
// in float32 and rounded once, gradients too, which PyTorch's Python would round before it scales them.
#include <ATen/FuncTorchTLS.h>
#include <ATen/core/LegacyTypeDispatch.h>
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
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>

#include "autocast.h"
#include "derivatives.h"
#include "dtypes.h"
#include "tensors.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;

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

// Whether CANN's operators take the operands. Halves are summed in float32 even where PyTorch's default for a
// device it does not know is the halves' own dtype: the CPU's default is float32 too.
bool taken(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& target,
           const MaybeTensor& bias, const MaybeTensor& classes, c10::ScalarType wide) {
  const auto dtype = input.scalar_type();
  auto alike = [&](const at::Tensor& t) { return t.device() == input.device() && t.scalar_type() == dtype; };
  const bool halves = at::isReducedFloatingType(dtype) && (wide == dtype || wide == at::kFloat);
  return (halves || (dtype == at::kFloat && wide == at::kFloat)) && input.dim() == 2 && weight.dim() == 2 &&
         target.dim() == 1 && target.scalar_type() == at::kLong && target.device() == input.device() &&
         alike(weight) && (!present(bias) || alike(*bias)) && (!present(classes) || alike(*classes)) &&
         (dtype != at::kBFloat16 || soc_has_bfloat16());
}

// Undefined `input` where they are not taken: then PyTorch's own does it, and words what it refuses.
Operands operands(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& target,
                  const MaybeTensor& bias, const MaybeTensor& classes, int64_t ignored, int64_t rows,
                  c10::ScalarType wide) {
  if (!taken(input, weight, target, bias, classes, wide)) return {};
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

// A call's arguments on the stack, by the places that the schema gives them; their kernels are boxed, since
// they pass most of them on.
class Arguments {
 public:
  Arguments(torch::jit::Stack& stack, size_t count) : stack_(stack), first_(stack.size() - count) {}
  c10::IValue& operator[](size_t i) const { return stack_[first_ + i]; }
  const at::Tensor& tensor(size_t i) const { return (*this)[i].toTensor(); }
  MaybeTensor maybe(size_t i) const { return (*this)[i].toOptional<at::Tensor>(); }
  int64_t number(size_t i) const { return (*this)[i].toInt(); }
  c10::ScalarType dtype(size_t i) const { return (*this)[i].toScalarType(); }
  template <class... R>
  void give(R&&... results) {
    stack_.resize(first_);
    torch::jit::push(stack_, std::forward<R>(results)...);
  }

 private:
  torch::jit::Stack& stack_;
  size_t first_;
};

// PyTorch's own kernel, which is registered for every device; this one stands before it.
void pytorchs(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
}

// Arguments of _linear_cross_entropy_batch_chunked; those of the other operator are the first five of them.
enum : size_t { kInput, kWeight, kTarget, kBias, kClasses, kReduction, kIgnored, kSmoothing, kChunk };
constexpr size_t kWide = 10, kOfInput = 12, kOfWeight = 13, kOfBias = 14, kChunkedCount = 15;
enum : size_t { kRowsIgnored = 5, kRowsChunk, kRowsPolicy, kRowsWide, kRowsCount };

Operands operands(const Arguments& a, size_t ignored, size_t rows, size_t wide) {
  return operands(a.tensor(kInput), a.tensor(kWeight), a.tensor(kTarget), a.maybe(kBias), a.maybe(kClasses),
                  a.number(ignored), a.number(rows), a.dtype(wide));
}

void chunked(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
  Arguments a(*stack, kChunkedCount);
  const at::Tensor input = a.tensor(kInput);
  const c10::DeviceGuard guard(input.device());
  const NoAutocast exact;
  const bool of_input = a[kOfInput].toBool(), of_weight = a[kOfWeight].toBool(),
             of_bias = a[kOfBias].toBool(), mean = a[kReduction].toStringView() == "mean";
  Operands o;
  // A gradient that was not asked for when a graph was traced and is now: PyTorch's refuses.
  auto late = [](bool asked, const MaybeTensor& t) {
    return !asked && present(t) && t->requires_grad() && at::GradMode::is_enabled();
  };
  if ((mean || a[kReduction].toStringView() == "sum") && a[kSmoothing].toDouble() <= 0 && input.size(0) > 0 &&
      !late(of_input, input) && !late(of_weight, a.tensor(kWeight)) && !late(of_bias, a.maybe(kBias)))
    o = operands(a, kIgnored, kChunk, kWide);
  if (!o.input.defined()) return pytorchs(op, stack);
  const auto dtype = input.scalar_type();
  const bool whole = o.rows >= o.batch();  // in one piece the loss divides by itself
  const at::Tensor one =
      mean && !whole ? weigh_for_mean(o, present(a.maybe(kClasses))) : at::full({}, 1, o.weight.options());
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
  a.give(cast(loss, dtype), input_grad, given(of_weight, weight_grad, {0, 0}),
         given(of_bias, bias_grad, {0}));
}

void chunked_rows(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
  Arguments a(*stack, kRowsCount);
  const c10::DeviceGuard guard(a.tensor(kInput).device());
  const NoAutocast exact;
  const Operands o = operands(a, kRowsIgnored, kRowsChunk, kRowsWide);
  if (!o.input.defined()) return pytorchs(op, stack);
  const at::Tensor losses = at::empty({o.batch()}, o.input.options());
  o.pieces([&](int64_t from, int64_t size) {
    const at::Tensor logs = o.logarithms(o.part(from, size));
    const auto reduced =
        at::nll_loss_forward(logs, o.target.narrow(0, from, size), o.classes, at::Reduction::None, o.ignored);
    losses.narrow(0, from, size).copy_(std::get<0>(reduced));
  });
  a.give(losses);
}

// --- derivatives ------------------------------------------------------------------------------------------

bool derived(const MaybeTensor& t) { return present(t) && t->requires_grad() && at::GradMode::is_enabled(); }

bool is_derived(const Arguments& a, size_t wide) {
  return (derived(a.tensor(kInput)) || derived(a.tensor(kWeight)) || derived(a.maybe(kBias))) &&
         taken(a.tensor(kInput), a.tensor(kWeight), a.tensor(kTarget), a.maybe(kBias), a.maybe(kClasses),
               a.dtype(wide));
}

// The operands in float32, by an operator that has a derivative: gradients are rounded when they leave it.
void widen(const Arguments& a, size_t wide) {
  for (const size_t i : {kInput, kWeight, kBias, kClasses})
    if (const MaybeTensor t = a.maybe(i); present(t)) a[i] = t->to(at::kFloat);
  a[wide] = at::kFloat;
}

// PyTorch's derivative, which multiplies what the forward pass has kept by the gradient of the loss.
void chunked_derived(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const Arguments a(*stack, kChunkedCount);
  const auto dtype = a.tensor(kInput).scalar_type();
  const bool halves = at::isReducedFloatingType(dtype) && is_derived(a, kWide);
  if (halves) widen(a, kWide);
  op.redispatchBoxed(torchs_autograd(keys), stack);
  if (halves) a[0] = a.tensor(0).to(dtype);
}

// The losses of rows, whose gradients are computed when those of the losses are known: from the logits once
// more. All in float32.
struct Rows : torch::autograd::Function<Rows> {
  using Context = torch::autograd::AutogradContext;
  using List = torch::autograd::variable_list;

  static at::Tensor forward(Context* context, const at::Tensor& input, const at::Tensor& weight,
                            const MaybeTensor& bias, const c10::OperatorHandle& op, const Arguments& a,
                            torch::jit::Stack* stack) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    context->save_for_backward({input.detach(), weight.detach(), a.tensor(kTarget),
                                present(bias) ? bias->detach() : at::Tensor(),
                                a.maybe(kClasses).value_or(at::Tensor())});
    context->saved_data["ignored"] = a[kRowsIgnored];
    context->saved_data["rows"] = a[kRowsChunk];
    op.callBoxed(stack);
    return torch::jit::pop(*stack).toTensor();
  }

  static List backward(Context* context, const List& grads) {
    TORCH_CHECK(!derived(grads[0]), "linear_cross_entropy in pieces has no second derivative");
    const at::AutoGradMode none(false);
    const NoAutocast exact;
    const List kept = context->get_saved_variables();
    auto maybe = [](const at::Tensor& t) { return t.defined() ? MaybeTensor(t) : std::nullopt; };
    const Operands o =
        operands(kept[0], kept[1], kept[2], maybe(kept[3]), maybe(kept[4]),
                 context->saved_data["ignored"].toInt(), context->saved_data["rows"].toInt(), at::kFloat);
    const bool of_input = context->needs_input_grad(0), of_weight = context->needs_input_grad(1),
               of_bias = o.bias && context->needs_input_grad(2);
    const at::Tensor total = at::full({}, 1, o.weight.options());  // which CANN wants and does not read
    at::Tensor input_grad, weight_grad, bias_grad;
    if (of_input) input_grad = at::empty(o.input.sizes(), o.input.options());
    if (of_weight) weight_grad = at::zeros(o.weight.sizes(), o.weight.options());
    if (of_bias) bias_grad = at::zeros(o.bias->sizes(), o.bias->options());
    o.pieces([&](int64_t from, int64_t size) {
      const at::Tensor x = o.part(from, size), y = o.target.narrow(0, from, size), logs = o.logarithms(x);
      const at::Tensor back = at::nll_loss_backward(grads[0].narrow(0, from, size), logs, y, o.classes,
                                                    at::Reduction::None, o.ignored, total);
      const at::Tensor grad = at::_log_softmax_backward_data(back, logs, 1, o.wide);
      at::Tensor here = of_input ? input_grad.narrow(0, from, size) : at::Tensor();
      if (of_input) at::mm_out(here, grad, o.weight);
      if (of_weight) weight_grad.addmm_(grad.t(), x);
      if (of_bias) bias_grad.add_(at::sum(grad, 0));
    });
    return {input_grad, weight_grad, bias_grad, {}, {}, {}};
  }
};

// Whether torch.func transforms the call: it takes no derivative in C++, and what it says is PyTorch's to
// word.
bool transformed() {
  const auto& functorch = at::functorch::functorchTLSAccessor();
  if (!functorch) return false;
  try {
    functorch->checkSupportsCppAutogradFunction();
  } catch (const c10::Error&) {
    return true;
  }
  return false;
}

void rows_derived(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const Arguments a(*stack, kRowsCount);
  const auto dtype = a.tensor(kInput).scalar_type();
  const bool ours = is_derived(a, kRowsWide);
  auto plain = [&](size_t i) { return !a.tensor(i).unsafeGetTensorImpl()->has_symbolic_sizes_strides(); };
  if (ours) widen(a, kRowsWide);
  if (ours && plain(kInput) && plain(kWeight) && !transformed()) {
    const at::Tensor &input = a.tensor(kInput), &weight = a.tensor(kWeight);
    stack->push_back(Rows::apply(input, weight, a.maybe(kBias), op, a, stack));
  } else {
    op.redispatchBoxed(torchs_autograd(keys), stack);
  }
  if (ours) a[0] = a.tensor(0).to(dtype);
}

template <c10::BoxedKernel::BoxedKernelFunction_withDispatchKeys* F>
void impl(torch::Library& m, const char* name) {
  m.impl(name, torch::CppFunction::makeFromBoxedFunction<F>());
}

}  // namespace

TORCH_LIBRARY_IMPL(torch_nn, PrivateUse1, m) {
  impl<chunked>(m, "_linear_cross_entropy_batch_chunked");
  impl<chunked_rows>(m, "_linear_cross_entropy_batch_chunked_no_reduction");
}

TORCH_LIBRARY_IMPL(torch_nn, AutogradPrivateUse1, m) {
  impl<chunked_derived>(m, "_linear_cross_entropy_batch_chunked");
  impl<rows_derived>(m, "_linear_cross_entropy_batch_chunked_no_reduction");
}

}  // namespace npu::ops
