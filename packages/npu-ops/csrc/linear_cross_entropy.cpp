// SPDX-License-Identifier: BSD-3-Clause
// torch.nn.functional.linear_cross_entropy with options: a few rows at a time are multiplied and reduced, so
// that the logits of a whole batch never exist. PyTorch's own takes 20 launches for each piece, and pieces
// as small as the user likes; these take 8, and no piece is so small that it saves nothing. Halves are summed
// in float32. What is kept for the backward pass is no wider than the operands, unless it is small; gradients
// are rounded once all the same where they are computed then.
#include <ATen/FuncTorchTLS.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/_log_softmax_backward_data.h>
#include <ATen/ops/addmm.h>
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
  at::Tensor part(int64_t from, int64_t size) const { return input.narrow(0, from, size).to(wide); }
  // The logarithms of the probabilities of the classes, for some rows.
  at::Tensor logarithms(const at::Tensor& x) const {
    return at::_log_softmax(bias ? at::addmm(*bias, x, weight.t()) : at::mm(x, weight.t()), 1, false);
  }
  template <class F>
  void pieces(F f) const {
    for (int64_t from = 0; from < batch(); from += rows) f(from, std::min(rows, batch() - from));
  }
};

// Gradients, summed piece by piece. Those of weight and bias are in the dtype of sums until they are rounded.
struct Gradients {
  at::Tensor input, weight, bias;
  bool of_input, of_weight, of_bias;

  bool none() const { return !of_input && !of_weight && !of_bias; }
  // Adds those of some rows, `x`, from the gradients of their logits.
  void add(Operands& o, int64_t from, const at::Tensor& x, const at::Tensor& logits) {
    if (of_input) {
      if (!input.defined()) input = at::empty(o.input.sizes(), o.input.options());
      at::Tensor here = input.narrow(0, from, x.size(0));
      here.scalar_type() == o.wide ? at::mm_out(here, logits, o.weight)
                                   : here.copy_(at::mm(logits, o.weight));
    }
    if (from + x.size(0) == o.batch()) o.weight.reset();  // of halves a copy, and this was its last use
    if (of_weight) weight.defined() ? weight.addmm_(logits.t(), x) : weight = at::mm(logits.t(), x);
    if (of_bias) {
      const at::Tensor sum = at::sum(logits, 0);
      bias.defined() ? bias.add_(sum) : bias = sum;
    }
  }
};

bool present(const MaybeTensor& t) { return t && t->defined(); }

// Whether CANN's operators take the operands. Halves are summed in float32 even where PyTorch's default for a
// device it does not know is the halves' own dtype: the CPU's default is float32 too, which is why it takes
// other operands in any dtype then, as autocast leaves them.
bool taken(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& target,
           const MaybeTensor& bias, const MaybeTensor& classes, c10::ScalarType wide) {
  const auto dtype = input.scalar_type();
  auto fits = [&](const at::Tensor& t) {
    const auto own = t.scalar_type();
    return t.device() == input.device() &&
           (own == at::kFloat || own == at::kHalf || (own == at::kBFloat16 && soc_has_bfloat16()));
  };
  const bool halves = at::isReducedFloatingType(dtype) && (wide == dtype || wide == at::kFloat);
  return (halves || (dtype == at::kFloat && wide == at::kFloat && weight.scalar_type() == dtype)) &&
         input.dim() == 2 && weight.dim() == 2 && target.dim() == 1 && target.scalar_type() == at::kLong &&
         target.device() == input.device() && fits(input) && fits(weight) &&
         (!present(bias) || fits(*bias)) && (!present(classes) || fits(*classes));
}

// Undefined `input` where they are not taken: then PyTorch's own does it, and words what it refuses.
Operands operands(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& target,
                  const MaybeTensor& bias, const MaybeTensor& classes, int64_t ignored, int64_t rows,
                  c10::ScalarType wide) {
  if (!taken(input, weight, target, bias, classes, wide)) return {};
  wide = at::kFloat;
  const int64_t row = std::max<int64_t>(weight.size(0), 1) * static_cast<int64_t>(c10::elementSize(wide));
  Operands o{input, target, weight.to(wide), {}, std::nullopt, wide, ignored, 1};
  o.rows = std::max({int64_t{1}, rows / kMatrices, kSmall / row});
  if (present(bias)) o.bias = bias->to(wide);
  o.classes = present(classes) ? classes->to(wide) : at::full({weight.size(0)}, 1, o.weight.options());
  return o;
}

// The weight of all rows together, of which ignored ones have none.
at::Tensor weight_of_rows(const Operands& o, bool weighted) {
  const at::Tensor counted = at::ne(o.target, o.ignored);
  return weighted ? at::sum(o.classes.index_select(0, at::where(counted, o.target, 0)).mul_(counted), o.wide)
                  : at::sum(counted, o.wide);
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
  Gradients grads{
      .of_input = a[kOfInput].toBool(), .of_weight = a[kOfWeight].toBool(), .of_bias = a[kOfBias].toBool()};
  const bool mean = a[kReduction].toStringView() == "mean";
  Operands o;
  // A gradient that was not asked for when a graph was traced and is now: PyTorch's refuses.
  auto late = [](bool asked, const MaybeTensor& t) {
    return !asked && present(t) && t->requires_grad() && at::GradMode::is_enabled();
  };
  if ((mean || a[kReduction].toStringView() == "sum") && a[kSmoothing].toDouble() <= 0 && input.size(0) > 0 &&
      !late(grads.of_input, input) && !late(grads.of_weight, a.tensor(kWeight)) &&
      !late(grads.of_bias, a.maybe(kBias)))
    o = operands(a, kIgnored, kChunk, kWide);
  if (!o.input.defined()) return pytorchs(op, stack);
  const NoAutocast exact;
  const bool whole = o.rows >= o.batch();  // in one piece the loss divides by itself
  const at::Tensor one = at::full({}, 1, o.weight.options());
  const at::Tensor rows = mean && !whole ? weight_of_rows(o, present(a.maybe(kClasses))) : at::Tensor();
  const auto reduce = mean && whole ? at::Reduction::Mean : at::Reduction::Sum;
  at::Tensor loss;
  o.pieces([&](int64_t from, int64_t size) {
    const at::Tensor x = o.part(from, size), y = o.target.narrow(0, from, size), logs = o.logarithms(x);
    const auto [part, total] = at::nll_loss_forward(logs, y, o.classes, reduce, o.ignored);
    loss.defined() ? loss.add_(part) : loss = part;
    if (grads.none()) return;
    const at::Tensor back =
        at::nll_loss_backward(one, logs, y, o.classes, at::Reduction::Sum, o.ignored, total);
    at::Tensor grad = at::_log_softmax_backward_data(back, logs, 1, o.wide);
    if (mean) grad.div_(whole ? total : rows);  // by 0 if no row counts: that is no number
    grads.add(o, from, x, grad);
  });
  if (mean && !whole) loss.div_(rows);
  auto given = [&](const at::Tensor& t, at::IntArrayRef none) {
    return t.defined() ? t.to(input.scalar_type()) : at::empty(none, input.options());
  };
  a.give(loss.to(input.scalar_type()), given(grads.input, {0, 0}), given(grads.weight, {0, 0}),
         given(grads.bias, {0}));
}

void chunked_rows(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
  Arguments a(*stack, kRowsCount);
  const c10::DeviceGuard guard(a.tensor(kInput).device());
  const Operands o = operands(a, kRowsIgnored, kRowsChunk, kRowsWide);
  if (!o.input.defined()) return pytorchs(op, stack);
  const NoAutocast exact;
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

bool symbolic(const at::Tensor& t) { return t.unsafeGetTensorImpl()->has_symbolic_sizes_strides(); }

// PyTorch's own derivative in float32, between conversions that have one.
void in_float32(const c10::OperatorHandle& op, c10::DispatchKeySet keys, const Arguments& a, size_t wide,
                torch::jit::Stack* stack) {
  const auto dtype = a.tensor(kInput).scalar_type();
  for (const size_t i : {kInput, kWeight, kBias, kClasses})
    if (const MaybeTensor t = a.maybe(i); present(t)) a[i] = t->to(at::kFloat);
  a[wide] = at::kFloat;
  op.redispatchBoxed(torchs_autograd(keys), stack);
  a[0] = a.tensor(0).to(dtype);
}

// PyTorch's derivative, which multiplies what the forward pass has kept by the gradient of the loss.
// Gradients of halves are kept in float32 and rounded after that, unless they are large: then memory matters
// more than a second rounding, and they are kept as PyTorch keeps them.
void chunked_derived(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const Arguments a(*stack, kChunkedCount);
  const at::Tensor &input = a.tensor(kInput), &weight = a.tensor(kWeight);
  const bool few = !symbolic(input) && !symbolic(weight) &&
                   (input.numel() + weight.numel()) * static_cast<int64_t>(sizeof(float)) <= kSmall;
  if (few && input.scalar_type() != at::kFloat && is_derived(a, kWide))
    in_float32(op, keys, a, kWide, stack);
  else
    op.redispatchBoxed(torchs_autograd(keys), stack);
}

// The losses of rows, whose gradients are computed when those of the losses are known: from the logits once
// more.
struct Rows : torch::autograd::Function<Rows> {
  using Context = torch::autograd::AutogradContext;
  using List = torch::autograd::variable_list;

  static at::Tensor forward(Context* context, const at::Tensor& input, const at::Tensor& weight,
                            const MaybeTensor& bias, const c10::OperatorHandle& op, const Arguments& a,
                            torch::jit::Stack* stack) {
    // Detached above the key ADInplaceOrView, they share the version by which a later change is noticed; and
    // they do not hold on to the parameter that a weight may be a view of.
    auto kept = [](const MaybeTensor& t) { return present(t) ? t->detach() : at::Tensor(); };
    context->save_for_backward(
        {kept(input), kept(weight), kept(a.tensor(kTarget)), kept(bias), kept(a.maybe(kClasses))});
    context->saved_data["ignored"] = a[kRowsIgnored];
    context->saved_data["rows"] = a[kRowsChunk];
    const at::AutoDispatchBelowADInplaceOrView guard;
    op.callBoxed(stack);
    return torch::jit::pop(*stack).toTensor();
  }

  static List backward(Context* context, const List& grads) {
    TORCH_CHECK(!derived(grads[0]), "linear_cross_entropy in pieces has no second derivative");
    const at::AutoGradMode none(false);
    const NoAutocast exact;
    const List kept = context->get_saved_variables();
    auto maybe = [](const at::Tensor& t) { return t.defined() ? MaybeTensor(t) : std::nullopt; };
    Operands o =
        operands(kept[0], kept[1], kept[2], maybe(kept[3]), maybe(kept[4]),
                 context->saved_data["ignored"].toInt(), context->saved_data["rows"].toInt(), at::kFloat);
    Gradients found{.of_input = context->needs_input_grad(0),
                    .of_weight = context->needs_input_grad(1),
                    .of_bias = o.bias && context->needs_input_grad(2)};
    const at::Tensor total = at::full({}, 1, o.weight.options());  // which CANN wants and does not read
    const at::Tensor of_losses = grads[0].to(o.wide);
    o.pieces([&](int64_t from, int64_t size) {
      const at::Tensor x = o.part(from, size), y = o.target.narrow(0, from, size), logs = o.logarithms(x);
      const at::Tensor back = at::nll_loss_backward(of_losses.narrow(0, from, size), logs, y, o.classes,
                                                    at::Reduction::None, o.ignored, total);
      found.add(o, from, x, at::_log_softmax_backward_data(back, logs, 1, o.wide));
    });
    auto given = [](bool asked, const at::Tensor& t, const at::Tensor& like) {
      if (!asked) return at::Tensor();
      return t.defined() ? t.to(like.scalar_type()) : at::zeros(like.sizes(), like.options());
    };
    return {given(found.of_input, found.input, kept[0]),
            given(found.of_weight, found.weight, kept[1]),
            given(found.of_bias, found.bias, kept[3]),
            {},
            {},
            {}};
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

// Whether PyTorch's own derivative is to do it, or to say that it does not: graphs with sizes that are not
// numbers, torch.func, and derivatives forward.
bool left_to_torch(const Arguments& a) {
  auto unfit = [](const MaybeTensor& t) {
    return present(t) && (symbolic(*t) || t->_fw_grad(/*level=*/0).defined());
  };
  return unfit(a.tensor(kInput)) || unfit(a.tensor(kWeight)) || unfit(a.maybe(kBias)) || transformed();
}

void rows_derived(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const Arguments a(*stack, kRowsCount);
  if (!is_derived(a, kRowsWide)) {
    op.redispatchBoxed(torchs_autograd(keys), stack);
  } else if (left_to_torch(a)) {
    in_float32(op, keys, a, kRowsWide, stack);
  } else {
    const at::Tensor &input = a.tensor(kInput), &weight = a.tensor(kWeight);
    stack->push_back(Rows::apply(input, weight, a.maybe(kBias), op, a, stack));
  }
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
