// SPDX-License-Identifier: BSD-3-Clause
// Registration of a kernel under its ATen name:
//
//   TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) { impl<"add.Tensor", add_Tensor>(m); }
//
// The allocator that runs out of memory does not know for whom it allocates; a kernel registered here adds
// its name and arguments to that error, and lets the CPU compute what tables/fallback.yaml declares for
// dtypes that CANN does not take. Costs nothing until one is thrown. Tensors that a kernel writes are held
// against those that it reads before it runs (Overlap): the device would mix up places that both have.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "dtypes.h"
#include "fallback.h"

namespace npu::ops {

template <size_t N>
struct KernelName {
  char text[N];
  consteval KernelName(const char (&s)[N]) { std::copy_n(s, N, text); }
};

// What a kernel does where a tensor that it writes has one place for several elements, or shares memory with
// one that it reads. A line of the tables says it in its field `overlap`, a kernel of csrc/ to `impl`.
enum class Overlap : uint8_t {
  refused,  // both are errors; the same tensor may be read and written
  part,     // operators of which the CPU reads all before it writes: a result that shares part of an
            // operand's memory is computed in memory of its own
  whole,    // operators that would read what they wrote: so is a result that is an operand
  both,
  unchecked,  // operators that write the same to each such place, or that look themselves
};

namespace detail {

void describe(std::ostream& out, const at::Tensor& t);
void describe(std::ostream& out, const c10::Scalar& s);
template <class T>
void describe_any(std::ostream& out, const T& value) {
  using V = std::remove_cvref_t<T>;
  if constexpr (std::is_convertible_v<const V&, const at::Tensor&> || std::is_same_v<V, c10::Scalar>)
    describe(out, value);
  else if constexpr (requires { value.has_value(), *value; })
    value.has_value() ? describe_any(out, *value) : void(out << "None");
  else if constexpr (requires { value.begin(), value.end(); } &&
                     !std::is_convertible_v<V, std::string_view>) {
    out << '[';
    const char* between = "";
    for (const auto& v : value) out << std::exchange(between, ", "), describe_any(out, v);
    out << ']';
  } else if constexpr (std::is_same_v<V, bool>)
    out << (value ? "True" : "False");
  else if constexpr (requires { out << value; })
    out << value;
  else
    out << '?';
}

// "\n  operation: aten::add.Tensor(float32[2, 3], float32[3], 1)"
template <class... A>
std::string describe_call(const char* name, const A&... args) {
  std::ostringstream out;
  out << "\n  operation: aten::" << name << '(';
  const char* between = "";
  ((out << std::exchange(between, ", "), describe_any(out, args)), ...);
  out << ')';
  return out.str();
}

[[noreturn]] void rethrow_out_of_memory(const c10::OutOfMemoryError& error, const std::string& operation);

// The CPU's answer to a call of operator `name`, which is declared so.
template <class R, class... A>
[[gnu::noinline]] R on_cpu(const char* name, A... args) {
  return c10::impl::BoxedKernelWrapper<R(A...)>::call(c10::BoxedKernel::makeFromFunction<&cpu_fallback>(),
                                                      declared_fallback(name), {}, std::forward<A>(args)...);
}

// A tensor among a kernel's arguments; null where there is none.
template <class T>
const at::Tensor* operand(const T& value) {
  if constexpr (std::is_convertible_v<const T*, const at::Tensor*>)
    return &value;
  else if constexpr (std::is_same_v<T, std::optional<at::Tensor>>)
    return value ? &*value : nullptr;
  else
    return nullptr;
}

// Which of the tensors that an operator writes (a bit of `written` each) are to be in memory of their own, as
// bits. RuntimeError, as torch words it, where one of them has one place for several elements, or shares part
// of its memory with one that is read, and `rule` does not allow it.
uint64_t overlaps(Overlap rule, std::span<const at::Tensor* const> operands, uint64_t written);

at::Tensor apart(const at::Tensor& out);
void put_back(const at::Tensor& out, const at::Tensor& result);

template <KernelName Name, auto F, Overlap Rule>
struct Kernel;
template <KernelName Name, class R, class... A, R (*F)(A...), Overlap Rule>
struct Kernel<Name, F, Rule> {
  static R call(A... args) {
    try {
      if constexpr (Rule != Overlap::unchecked && (std::is_same_v<A, at::Tensor&> || ...)) {
        const Operands operands{operand(args)...};
        [[maybe_unused]] const uint64_t clash = overlaps(Rule, operands, written_bits());
        if constexpr (Rule != Overlap::refused)
          if (C10_UNLIKELY(clash))
            return separated(operands, clash, std::index_sequence_for<A...>{}, args...);
      }
      return F(args...);
    } catch (const c10::OutOfMemoryError& e) {
      rethrow_out_of_memory(e, describe_call(Name.text, args...));
    } catch (const RefusedDtype&) {
      if constexpr (c10::impl::can_box_all<A...>::value)
        return on_cpu<R, A...>(Name.text, std::forward<A>(args)...);
      else
        throw;
    }
  }

 private:
  using Operands = std::array<const at::Tensor*, sizeof...(A)>;

  static constexpr uint64_t written_bits() {
    uint64_t bits = 0, bit = 1;
    ((bits |= std::is_same_v<A, at::Tensor&> ? bit : 0, bit <<= 1), ...);
    return bits;
  }
  template <size_t... I>
  static R separated(const Operands& operands, uint64_t clash, std::index_sequence<I...>,
                     std::remove_reference_t<A>&... args) {
    std::array<at::Tensor, sizeof...(A)> own;
    for (size_t i = 0; i < own.size(); ++i)
      if (clash >> i & 1) own[i] = apart(*operands[i]);
    F(redirected<A>(args, own[I])...);
    for (size_t i = 0; i < own.size(); ++i)
      if (own[i].defined()) put_back(*operands[i], own[i]);
    auto results = std::tuple_cat(result<A>(args)...);
    if constexpr (std::is_same_v<R, at::Tensor&>)
      return std::get<0>(results);
    else
      return results;
  }
  template <class T>
  static auto& redirected(std::remove_reference_t<T>& value, at::Tensor& own) {
    if constexpr (std::is_same_v<T, at::Tensor&>)
      return own.defined() ? own : value;
    else
      return value;
  }
  template <class T>
  static auto result(std::remove_reference_t<T>& value) {
    if constexpr (std::is_same_v<T, at::Tensor&>)
      return std::tuple<at::Tensor&>(value);
    else
      return std::tuple<>();
  }
};

}  // namespace detail

template <KernelName Name, auto F, Overlap Rule = Overlap::refused>
void impl(torch::Library& m) {
  m.impl(Name.text, TORCH_FN((detail::Kernel<Name, F, Rule>::call)));
}

}  // namespace npu::ops
