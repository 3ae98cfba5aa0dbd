// SPDX-License-Identifier: BSD-3-Clause
// How a kernel is written:
//
//   NPU_SIM_KERNEL(aclnnAdd, rules::broadcast) =
//       [](In self, In other, Num alpha, Out out) { at::add_out(out, self, other, alpha); };
//
// The lambda gets the operator's arguments in CANN's order as torch's CPU types, its tensors over the
// device's own memory. It runs on the stream's worker; what it throws becomes the device's error, but for a
// dtype that torch's CPU kernels lack: see compute(). The macro's arguments after the name: the rule that the
// first phase checks, which must be given, then the workspace's size, then a bit for each parameter that may
// have a private format. A lambda whose parameters do not fit the signature does not compile. One that takes
// an optional may get null for that argument.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <c10/util/FunctionRef.h>

#include <bit>
#include <cstddef>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "npu_sim/nnop/call.h"
#include "rules.h"
#include "signatures.inc"

namespace npu_sim::ops {

using nnop::Call;
using In = const at::Tensor&;
using Out = at::Tensor&;
using Num = const at::Scalar&;
using OptIn = const std::optional<at::Tensor>&;
using OptNum = const std::optional<at::Scalar>&;

// A CPU tensor over the memory of `t`. Throws if that memory is not the device's, or torch has no such dtype.
// Of a private format: a copy of what it says.
at::Tensor tensor_over(const nnop::FlatTensor& t);
// Lays `values`, of the base sizes, into the memory of `t` in the format of `t`.
void lay(const nnop::FlatTensor& t, const at::Tensor& values);
at::Scalar scalar_of(const nnop::FlatScalar& s);
at::ScalarType scalar_type(aclDataType t);

// An output whose shape the kernel finds: gives memory for up to the size that the caller provided.
class Shaped {
 public:
  Shaped(const Call& call, uint32_t i) : call_(call), i_(i) {}
  // The output as a contiguous tensor of `sizes`, which the caller will read as its shape.
  at::Tensor resize(at::IntArrayRef sizes);
  at::ScalarType dtype() const { return scalar_type(call_.tensor(i_)->dtype); }

 private:
  const Call& call_;
  uint32_t i_;
};

// A tensor as it lies in memory.
struct Laid {
  const nnop::FlatTensor* tensor;
};

// How a lambda's parameter type is made from argument `i`: `letters` of the kinds that it may stand for (see
// aclnn_exports.py), whether null is allowed, and `get`, whose result lives while the kernel runs.
template <class T>
struct Arg;

template <>
struct Arg<at::Tensor> {
  static constexpr std::string_view letters = "t";
  static constexpr bool nullable = false;
  static at::Tensor get(const Call& c, uint32_t i) {
    return c.has(i) ? tensor_over(*c.tensor(i)) : at::Tensor();
  }
};
template <>
struct Arg<std::optional<at::Tensor>> {
  static constexpr std::string_view letters = "t";
  static constexpr bool nullable = true;
  static std::optional<at::Tensor> get(const Call& c, uint32_t i) {
    return c.has(i) ? std::optional(tensor_over(*c.tensor(i))) : std::nullopt;
  }
};
template <>
struct Arg<Shaped> {
  static constexpr std::string_view letters = "t";
  static constexpr bool nullable = false;
  static Shaped get(const Call& c, uint32_t i) { return {c, i}; }
};
template <>
struct Arg<Laid> {
  static constexpr std::string_view letters = "t";
  static constexpr bool nullable = false;
  static Laid get(const Call& c, uint32_t i) { return {c.tensor(i)}; }
};
template <>
struct Arg<at::TensorList> {
  static constexpr std::string_view letters = "T";
  static constexpr bool nullable = false;
  static std::vector<at::Tensor> get(const Call& c, uint32_t i) {
    std::vector<at::Tensor> v(c.list_size(i));
    for (uint32_t j = 0; j < v.size(); ++j)
      if (auto* t = c.list_tensor(i, j)) v[j] = tensor_over(*t);
    return v;
  }
};
template <>
struct Arg<at::Scalar> {
  static constexpr std::string_view letters = "s";
  static constexpr bool nullable = false;
  static at::Scalar get(const Call& c, uint32_t i) { return scalar_of(*c.scalar(i)); }
};
template <>
struct Arg<std::optional<at::Scalar>> {
  static constexpr std::string_view letters = "s";
  static constexpr bool nullable = true;
  static std::optional<at::Scalar> get(const Call& c, uint32_t i) {
    return c.has(i) ? std::optional(scalar_of(*c.scalar(i))) : std::nullopt;
  }
};
template <>
struct Arg<at::ArrayRef<at::Scalar>> {
  static constexpr std::string_view letters = "S";
  static constexpr bool nullable = false;
  static std::vector<at::Scalar> get(const Call& c, uint32_t i) {
    std::vector<at::Scalar> v;
    for (uint32_t j = 0; j < c.list_size(i); ++j) v.push_back(scalar_of(*c.list_scalar(i, j)));
    return v;
  }
};
template <>
struct Arg<at::IntArrayRef> {
  static constexpr std::string_view letters = "i";
  static constexpr bool nullable = false;
  static at::IntArrayRef get(const Call& c, uint32_t i) { return {c.ints(i).data(), c.ints(i).size()}; }
};
template <>
struct Arg<std::optional<at::IntArrayRef>> {
  static constexpr std::string_view letters = "i";
  static constexpr bool nullable = true;
  static std::optional<at::IntArrayRef> get(const Call& c, uint32_t i) {
    return c.has(i) ? std::optional(Arg<at::IntArrayRef>::get(c, i)) : std::nullopt;
  }
};
template <>
struct Arg<at::ArrayRef<bool>> {
  static constexpr std::string_view letters = "b";
  static constexpr bool nullable = false;
  static at::ArrayRef<bool> get(const Call& c, uint32_t i) {
    return at::ArrayRef<bool>(c.bools(i).data(), c.bools(i).size());
  }
};
template <>
struct Arg<std::string_view> {
  static constexpr std::string_view letters = "c";
  static constexpr bool nullable = false;
  static std::string_view get(const Call& c, uint32_t i) { return c.string(i); }
};
template <>
struct Arg<at::ScalarType> {
  static constexpr std::string_view letters = "d";
  static constexpr bool nullable = false;
  static at::ScalarType get(const Call& c, uint32_t i) {
    return scalar_type(static_cast<aclDataType>(c.word(i)));
  }
};
template <>
struct Arg<int64_t> {
  static constexpr std::string_view letters = "n";
  static constexpr bool nullable = false;
  static int64_t get(const Call& c, uint32_t i) { return static_cast<int64_t>(c.word(i)); }
};
template <>
struct Arg<bool> {
  static constexpr std::string_view letters = "B";
  static constexpr bool nullable = false;
  static bool get(const Call& c, uint32_t i) { return c.word(i) != 0; }
};
template <>
struct Arg<double> {
  static constexpr std::string_view letters = "r";
  static constexpr bool nullable = false;
  static double get(const Call& c, uint32_t i) { return std::bit_cast<double>(c.word(i)); }
};

// Runs `body` as the device does: without autograd, dispatch modes or profiler callbacks, with the
// simulator's number of threads; torch's errors are rethrown without their C++ backtrace.
void on_device(const Call& call, void (*body)(const Call&));

// The tensors among a kernel's arguments, where the kernel reads them from.
class Operands {
 public:
  void add(at::Tensor& t, bool written) {
    if (t.defined()) all_.push_back({&t, t, written});
  }
  void add(std::optional<at::Tensor>& t, bool written) {
    if (t) add(*t, written);
  }
  void add(std::vector<at::Tensor>& list, bool written) {
    for (at::Tensor& t : list) add(t, written);
  }
  template <class T>
  void add(T&, bool) {}

  // Replaces each by a copy in a wider dtype of `step` 1 or 2; false if none has one.
  bool widen(int step);
  // Writes what the kernel left in the copies into the tensors that it was to write.
  void write_back() const;

 private:
  struct Operand {
    at::Tensor* slot;
    at::Tensor original;
    bool written;
  };
  std::vector<Operand> all_;
};

// Runs `kernel`. Where torch has no CPU kernel for a dtype that the device computes in, the same is computed
// in a wider dtype and converted back: first in the next one that torch has, then integers in float64. What
// does not fit an integer is then its largest or smallest value, and NaN 0. Throws nnop::NotSimulated if
// torch has none of these.
void compute(c10::function_ref<void()> kernel, c10::function_ref<void(Operands&)> operands);

namespace detail {

template <class L>
struct Traits : Traits<decltype(&L::operator())> {};
template <class L, class... P>
struct Traits<void (L::*)(P...) const> {
  static constexpr size_t arity = sizeof...(P);
  template <size_t... I>
  static void invoke(const Call& c, std::index_sequence<I...>) {
    auto held = std::tuple(Arg<std::remove_cvref_t<P>>::get(c, I)...);
    compute([&] { L{}(static_cast<P>(std::get<I>(held))...); },
            [&](Operands& o) { (o.add(std::get<I>(held), c.op().params[I].is_output()), ...); });
  }
  static void body(const Call& c) { invoke(c, std::index_sequence_for<P...>{}); }
  static void run(const Call& c) { on_device(c, &body); }

  static constexpr uint64_t nullable() {
    uint64_t mask = 0, bit = 1;
    ((mask |= Arg<std::remove_cvref_t<P>>::nullable ? bit : 0, bit <<= 1), ...);
    return mask;
  }
  static constexpr bool fits(std::string_view kinds) {
    size_t i = 0;
    return kinds.size() == arity &&
           (... && (Arg<std::remove_cvref_t<P>>::letters.find(kinds[i++]) != kinds.npos));
  }
};

}  // namespace detail

template <const char* kKinds>
struct Spec {
  rules::Rule* rule;
  rules::Workspace* workspace;
  uint64_t private_formats;

  constexpr Spec(rules::Rule* rule, rules::Workspace* workspace = nullptr, uint64_t private_formats = 0)
      : rule(rule), workspace(workspace), private_formats(private_formats) {}
  Spec(std::nullptr_t, rules::Workspace* = nullptr,
       uint64_t = 0) = delete;  // a kernel that checks nothing says rules::none

  template <class L>
  constexpr nnop::Kernel operator=(L) const {
    using T = detail::Traits<L>;
    static_assert(T::fits(kKinds), "the kernel's parameters do not fit CANN's signature of the operator");
    return {&T::run, rule, workspace, T::nullable(), private_formats};
  }
};

}  // namespace npu_sim::ops

#define NPU_SIM_KERNEL(name, ...)                                                                            \
  extern const ::npu_sim::nnop::Kernel kernel_##name;                                                        \
  constexpr ::npu_sim::nnop::Kernel kernel_##name = ::npu_sim::ops::Spec<::npu_sim::ops::signatures::name> { \
    __VA_ARGS__                                                                                              \
  }
