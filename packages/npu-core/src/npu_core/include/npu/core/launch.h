// SPDX-License-Identifier: BSD-3-Clause
// C++ sugar over the table of abi.h, for plugin libraries: header-only, no symbol of libnpu_core.
//
//   struct aclnnAdd : npu::op<aclnnAdd, const aclTensor*, const aclTensor*, const aclScalar*, aclTensor*> {
//     static constexpr const char* name = "aclnnAdd";
//     static constexpr const char* directions = "iiio";
//   };
//   npu::launch<aclnnAdd>(self, other, alpha, out);
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>
#include <c10/util/Exception.h>

#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "npu/core/abi.h"
#include "npu/core/status.h"

namespace npu {

// The table of this plugin library, set by NPU_PLUGIN's init before the first operator can run.
inline const npu_core_table* g_core = nullptr;
inline const npu_core_table& core() { return *g_core; }

// Raises the torch exception that a slot's status stands for.
[[noreturn]] inline void raise(npu_status status, const char* func, const char* file, uint32_t line) {
  int32_t code = 0;
  const char* message = core().last_error(&code);
  throw_status(status, code, message, {func, file, line});
}

#define NPU_CALL(expression)                                                          \
  do {                                                                                \
    if (auto npu_status_ = (expression); C10_UNLIKELY(npu_status_ != NPU_OK))         \
      ::npu::raise(npu_status_, __func__, __FILE__, static_cast<uint32_t>(__LINE__)); \
  } while (false)

// aclDataType of a torch dtype. ValueError for one that CANN has no type for.
aclDataType inline acl_dtype(c10::ScalarType t) {
  switch (t) {
    case c10::kFloat:
      return ACL_FLOAT;
    case c10::kHalf:
      return ACL_FLOAT16;
    case c10::kBFloat16:
      return ACL_BF16;
    case c10::kDouble:
      return ACL_DOUBLE;
    case c10::kLong:
      return ACL_INT64;
    case c10::kInt:
      return ACL_INT32;
    case c10::kShort:
      return ACL_INT16;
    case c10::kChar:
      return ACL_INT8;
    case c10::kByte:
      return ACL_UINT8;
    case c10::kBool:
      return ACL_BOOL;
    case c10::kUInt16:
      return ACL_UINT16;
    case c10::kUInt32:
      return ACL_UINT32;
    case c10::kUInt64:
      return ACL_UINT64;
    case c10::kComplexFloat:
      return ACL_COMPLEX64;
    case c10::kComplexDouble:
      return ACL_COMPLEX128;
    case c10::kComplexHalf:
      return ACL_COMPLEX32;
    case c10::kFloat8_e5m2:
      return ACL_FLOAT8_E5M2;
    case c10::kFloat8_e4m3fn:
      return ACL_FLOAT8_E4M3FN;
    default:
      TORCH_CHECK_VALUE(false, "npu has no dtype for ", t);
  }
}

namespace detail {

// A parameter's C type from a word, and back: integers by value, floating point by bits, objects by address.
template <class T>
T from_word(uint64_t w) {
  if constexpr (std::is_pointer_v<T>)
    return reinterpret_cast<T>(w);
  else if constexpr (std::is_same_v<T, double>)
    return std::bit_cast<double>(w);
  else if constexpr (std::is_same_v<T, float>)
    return std::bit_cast<float>(static_cast<uint32_t>(w));
  else
    return static_cast<T>(static_cast<int64_t>(w));
}

template <class T>
uint64_t to_word(double v) {
  if constexpr (std::is_same_v<T, double>)
    return std::bit_cast<uint64_t>(v);
  else
    return std::bit_cast<uint32_t>(static_cast<float>(v));
}

// A scalar's bytes, kept by the launching frame until the core has copied them.
struct ScalarValue {
  alignas(16) unsigned char bytes[16];
  aclDataType dtype;
};

inline ScalarValue scalar_value(const c10::Scalar& s) {
  ScalarValue v{};
  auto put = [&v](auto x, aclDataType t) {
    std::memcpy(v.bytes, &x, sizeof x);
    v.dtype = t;
  };
  if (s.isBoolean())
    put(s.toBool(), ACL_BOOL);
  else if (s.isIntegral(false))
    put(s.toLong(), ACL_INT64);
  else if (s.isComplex())
    put(s.toComplexDouble(), ACL_COMPLEX128);
  else
    put(s.toDouble(), ACL_DOUBLE);
  return v;
}

inline npu_arg object(npu_arg_kind kind, const void* p, uint64_t count = 1) {
  npu_arg a{};
  a.kind = kind;
  a.count = count;
  a.object = p;
  return a;
}

inline npu_arg scalar_arg(const ScalarValue& s) {
  npu_arg a = object(NPU_ARG_SCALAR, s.bytes);
  a.dtype = s.dtype;
  return a;
}

// A list of scalars as arguments that point at them.
struct ScalarArgs {
  explicit ScalarArgs(const std::vector<ScalarValue>& values) {
    for (const ScalarValue& v : values) args.push_back(scalar_arg(v));
  }
  std::vector<npu_arg> args;
};

// An argument that is absent: says of what kind, because CANN numbers absent tensors too.
template <class P>
npu_arg absent() {
  npu_arg a{};
  if constexpr (std::is_same_v<P, const aclTensor*> || std::is_same_v<P, aclTensor*>)
    a.dtype = NPU_ARG_TENSOR;
  else if constexpr (std::is_same_v<P, const aclTensorList*> || std::is_same_v<P, aclTensorList*>)
    a.dtype = NPU_ARG_TENSORS;
  else
    a.dtype = NPU_ARG_WORD;  // anything that has no address to replace
  return a;
}

// One overload a C++ type that an operator's argument may have. `P` is the ABI's parameter type. The result
// of `hold` lives until the launch returned; `pack` points into it.
template <class P>
struct Packer {
  static npu_arg pack(const at::Tensor& t) {
    return t.defined() ? object(NPU_ARG_TENSOR, t.unsafeGetTensorImpl()) : absent<P>();
  }
  static npu_arg pack(const std::optional<at::Tensor>& t) { return t.has_value() ? pack(*t) : absent<P>(); }
  static npu_arg pack(const ScalarValue& s) { return scalar_arg(s); }
  static npu_arg pack(const ScalarArgs& s) { return object(NPU_ARG_SCALARS, s.args.data(), s.args.size()); }
  static npu_arg pack(const std::optional<ScalarValue>& s) { return s ? pack(*s) : absent<P>(); }
  static npu_arg pack(c10::IntArrayRef v) { return object(NPU_ARG_INTS, v.data(), v.size()); }
  static npu_arg pack(const std::vector<int64_t>& v) { return object(NPU_ARG_INTS, v.data(), v.size()); }
  static npu_arg pack(c10::ArrayRef<bool> v) { return object(NPU_ARG_BOOLS, v.data(), v.size()); }
  static npu_arg pack(c10::ArrayRef<float> v) { return object(NPU_ARG_FLOATS, v.data(), v.size()); }
  static npu_arg pack(const std::vector<const c10::TensorImpl*>& v) {
    return object(NPU_ARG_TENSORS, v.data(), v.size());
  }
  static npu_arg pack(std::string_view s) { return object(NPU_ARG_STRING, s.data(), s.size()); }
  static npu_arg pack(c10::ScalarType t) { return word(static_cast<uint64_t>(acl_dtype(t))); }
  template <class T>
  requires std::is_arithmetic_v<T>
  static npu_arg pack(T v) {
    if constexpr (std::is_floating_point_v<P>)
      return word(to_word<P>(static_cast<double>(v)));
    else
      return word(static_cast<uint64_t>(static_cast<int64_t>(v)));
  }
  static npu_arg pack(std::nullopt_t) { return absent<P>(); }

 private:
  static npu_arg word(uint64_t w) {
    npu_arg a{};
    a.kind = NPU_ARG_WORD;
    a.word = w;
    return a;
  }
};

// Arguments that need storage of their own before they are packed.
template <class T>
decltype(auto) hold(const T& v) {
  if constexpr (std::is_same_v<T, c10::Scalar>) {
    return scalar_value(v);
  } else if constexpr (std::is_same_v<T, std::optional<c10::Scalar>>) {
    return v ? std::optional(scalar_value(*v)) : std::nullopt;
  } else if constexpr (std::is_same_v<T, std::vector<ScalarValue>>) {
    return ScalarArgs(v);
  } else if constexpr (!std::is_same_v<T, at::Tensor> && std::is_convertible_v<T, at::TensorList>) {
    // (a Tensor converts too, to a list of one)
    std::vector<const c10::TensorImpl*> impls;
    for (const at::Tensor& t : at::TensorList(v)) impls.push_back(t.unsafeGetTensorImpl());
    return impls;
  } else {
    return (v);
  }
}

}  // namespace detail

// Declares an operator: `Self` supplies `name` and `directions` (see npu_operator), `P...` the first phase's
// parameter types.
template <class Self, class... P>
struct op {
  static constexpr size_t arity = sizeof...(P);

  static aclnnStatus prepare(void* entry, const uint64_t* w, uint64_t* workspace, aclOpExecutor** executor) {
    return prepare(entry, w, workspace, executor, std::index_sequence_for<P...>{});
  }

  template <class... A>
  static std::array<npu_arg, arity> pack(const A&... a) {
    static_assert(sizeof...(A) == arity, "the number of arguments differs from the operator's");
    return {detail::Packer<P>::pack(a)...};
  }

  static npu_operator& descriptor() {
    static npu_operator d{Self::name, &op::prepare, Self::directions, nullptr};
    return d;
  }

 private:
  template <size_t... I>
  static aclnnStatus prepare(void* entry, const uint64_t* w, uint64_t* workspace, aclOpExecutor** executor,
                             std::index_sequence<I...>) {
    return reinterpret_cast<aclnnStatus (*)(P..., uint64_t*, aclOpExecutor**)>(entry)(
        detail::from_word<P>(w[I])..., workspace, executor);
  }
};

namespace detail {
template <class Op, class... H>
void launch_held(const H&... held) {
  auto args = Op::pack(held...);
  NPU_CALL(core().launch(&Op::descriptor(), args.data(), Op::arity));
}
}  // namespace detail

// Enqueues operator `Op` on the current stream. Arguments in the order of CANN's first phase.
template <class Op, class... A>
void launch(const A&... a) {
  detail::launch_held<Op>(detail::hold(a)...);
}

// Runs `Op` to its end and answers the shape of argument `shaped`: for operators whose output shape depends
// on data.
template <class Op, class... A>
std::vector<int64_t> launch_shaped(uint32_t shaped, const A&... a) {
  return [&](const auto&... held) {
    auto args = Op::pack(held...);
    int64_t dims[25];
    uint64_t ndim = 0;
    NPU_CALL(core().launch_shaped(&Op::descriptor(), args.data(), Op::arity, shaped, dims, &ndim));
    return std::vector<int64_t>(dims, dims + ndim);
  }(detail::hold(a)...);
}

}  // namespace npu

// Defines a plugin library's `npu_plugin_init`; `needs_minor` is the smallest table minor that has its slots.
#define NPU_PLUGIN(needs_minor)                                                                            \
  extern "C" __attribute__((visibility("default"))) const char* npu_plugin_init(const npu_core_table* t) { \
    if (t->major != NPU_CORE_ABI_MAJOR) return "npu-core's table has another major version";               \
    if (t->minor < (needs_minor)) return "npu-core's table is older than this plugin needs";               \
    if (t->struct_size < sizeof(npu_core_table) || t->slot_count < NPU_CORE_SLOT_COUNT)                    \
      return "npu-core's table is smaller than this plugin was built for";                                 \
    ::npu::g_core = t;                                                                                     \
    return nullptr;                                                                                        \
  }
