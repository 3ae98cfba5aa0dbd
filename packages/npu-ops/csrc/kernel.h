// SPDX-License-Identifier: BSD-3-Clause
// Registration of a kernel under its ATen name:
//
//   TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) { impl<"add.Tensor", add_Tensor>(m); }
//
// The allocator that runs out of memory does not know for whom it allocates; a kernel registered here adds
// its name and arguments to that error, and lets the CPU compute what tables/fallback.yaml declares for
// dtypes that CANN does not take. Costs nothing until one is thrown. Tensors that a kernel writes are held
// against those that it reads before it runs: the device would mix up places that both have.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <sstream>
#include <string>
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

// Whether operator `name` is to write to memory of its own. RuntimeError, as torch words it, where a tensor
// that it writes (a bit of `written` each) has one place for several elements, or shares part of its memory
// with one that it reads; operators that the CPU lets do so are told apart in the source.
bool overlaps(const char* name, std::span<const at::Tensor* const> operands, uint64_t written);

at::Tensor apart(const at::Tensor& out);
void put_back(const at::Tensor& out, const at::Tensor& result);

template <KernelName Name, auto F>
struct Kernel;
template <KernelName Name, class R, class... A, R (*F)(A...)>
struct Kernel<Name, F> {
  static constexpr size_t kWritten = (size_t{0} + ... + std::is_same_v<A, at::Tensor&>);

  static R call(A... args) {
    try {
      if constexpr (kWritten > 0) {
        constexpr uint64_t written = written_bits();
        const std::array<const at::Tensor*, sizeof...(A)> operands{operand(args)...};
        if (C10_UNLIKELY(overlaps(Name.text, operands, written))) {
          if constexpr (kWritten == 1 && std::is_same_v<R, at::Tensor&>) {
            const at::Tensor& out = *operands[std::countr_zero(written)];
            at::Tensor result = apart(out);
            F(redirected<A>(args, result)...);
            put_back(out, result);
            return const_cast<at::Tensor&>(out);
          }
        }
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
  static constexpr uint64_t written_bits() {
    uint64_t bits = 0, bit = 1;
    ((bits |= std::is_same_v<A, at::Tensor&> ? bit : 0, bit <<= 1), ...);
    return bits;
  }
  template <class T>
  static auto& redirected(std::remove_reference_t<T>& value, at::Tensor& result) {
    if constexpr (std::is_same_v<T, at::Tensor&>)
      return result;
    else
      return value;
  }
};

}  // namespace detail

template <KernelName Name, auto F>
void impl(torch::Library& m) {
  m.impl(Name.text, TORCH_FN((detail::Kernel<Name, F>::call)));
}

}  // namespace npu::ops
