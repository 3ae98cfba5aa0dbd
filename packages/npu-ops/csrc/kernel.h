// SPDX-License-Identifier: BSD-3-Clause
// Registration of a kernel under its ATen name:
//
//   TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) { impl<"add.Tensor", add_Tensor>(m); }
//
// The allocator that runs out of memory does not know for whom it allocates; a kernel registered here adds
// its name and arguments to that error, and lets the CPU compute what tables/fallback.yaml declares for
// dtypes that CANN does not take. Costs nothing until one is thrown.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>
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

template <KernelName Name, auto F>
struct Kernel;
template <KernelName Name, class R, class... A, R (*F)(A...)>
struct Kernel<Name, F> {
  static R call(A... args) {
    try {
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
};

}  // namespace detail

template <KernelName Name, auto F>
void impl(torch::Library& m) {
  m.impl(Name.text, TORCH_FN((detail::Kernel<Name, F>::call)));
}

}  // namespace npu::ops
