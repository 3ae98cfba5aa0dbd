// SPDX-License-Identifier: BSD-3-Clause
// What rules are made of.
#pragma once

#include <c10/util/SmallVector.h>

#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "npu_sim/nnop/call.h"

namespace npu_sim::ops::rules {

using nnop::Call;
using nnop::FlatTensor;
using nnop::Kind;
using nnop::Param;
using Shape = c10::SmallVector<int64_t, 8>;

[[noreturn]] inline void refuse(const Call& c, const char* param, const std::string& found,
                                const std::string& expected) {
  throw nnop::Refusal{ACLNN_ERR_PARAM_INVALID, std::string(c.op().name) + ": parameter '" + param + "' is " +
                                                   found + "; expected " + expected};
}

using Sizes = std::span<const int64_t>;

inline std::string text(Sizes s) { return nnop::describe(s); }

inline bool equal(Sizes a, Sizes b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

// The parameter called `name`, or -1. In place 'self' is called 'selfRef'.
inline int find(const Call& c, const char* name) {
  for (uint32_t i = 0; i < c.op().count; ++i)
    if (std::strcmp(c.op().params[i].name, name) == 0) return static_cast<int>(i);
  if (std::strcmp(name, "self") == 0 && c.op().again) return 0;
  return -1;
}

template <class F>
void for_each_input(const Call& c, F&& f) {
  for (uint32_t i = 0; i < c.op().count; ++i)
    if (const Param& p = c.op().params[i]; p.kind == Kind::tensor && p.is_input() && c.has(i))
      f(p, *c.tensor(i));
}

template <class F>
void for_each_output(const Call& c, F&& f) {
  for (uint32_t i = 0; i < c.op().count; ++i)
    if (const Param& p = c.op().params[i]; p.kind == Kind::tensor && p.is_output() && c.has(i))
      f(p, *c.tensor(i));
}

inline const FlatTensor& first_input(const Call& c) {
  for (uint32_t i = 0; i < c.op().count; ++i)
    if (const Param& p = c.op().params[i]; p.kind == Kind::tensor && p.is_input() && c.has(i))
      return *c.tensor(i);
  throw nnop::Refusal{ACLNN_ERR_PARAM_NULLPTR, std::string(c.op().name) + ": no input tensor"};
}

// The tensor or number called `name`, which the operator is known to have.
inline const FlatTensor& at(const Call& c, const char* name) {
  return *c.tensor(static_cast<uint32_t>(find(c, name)));
}
// The tensor called `name`, or null.
inline const FlatTensor* optional(const Call& c, const char* name) {
  const int i = find(c, name);
  return i < 0 ? nullptr : c.tensor(static_cast<uint32_t>(i));
}
inline int64_t number(const Call& c, const char* name) {
  return static_cast<int64_t>(c.word(static_cast<uint32_t>(find(c, name))));
}
inline double real(const Call& c, const char* name) {
  return std::bit_cast<double>(c.word(static_cast<uint32_t>(find(c, name))));
}
inline Sizes numbers(const Call& c, const char* name) { return c.ints(static_cast<uint32_t>(find(c, name))); }
inline Shape shape(const FlatTensor& t) { return {t.sizes().begin(), t.sizes().end()}; }

// The first output; there is one.
inline std::pair<const Param&, const FlatTensor&> first_output(const Call& c) {
  for (uint32_t i = 0; i < c.op().count; ++i)
    if (const Param& p = c.op().params[i]; p.kind == Kind::tensor && p.is_output() && c.has(i))
      return {p, *c.tensor(i)};
  throw nnop::Refusal{ACLNN_ERR_PARAM_NULLPTR, std::string(c.op().name) + ": no output tensor"};
}

inline void expect_shape(const Call& c, const char* param, const FlatTensor& t, Sizes s, const char* why) {
  if (!equal(t.sizes(), s)) refuse(c, param, nnop::describe(t), "shape " + text(s) + ", " + why);
}
inline void expect_numel(const Call& c, const char* param, const FlatTensor& t, int64_t n) {
  if (t.numel() != n)
    refuse(c, param, nnop::describe(t), n == 1 ? "one element" : std::to_string(n) + " elements");
}
inline void expect_dtype(const Call& c, const char* param, const FlatTensor& t, aclDataType dtype,
                         const char* why) {
  if (t.dtype != dtype)
    refuse(c, param, nnop::describe(t), std::string("dtype ") + nnop::dtype_name(dtype) + ", " + why);
}

// Every output has shape `s`, which messages explain as `why`.
inline void expect_outputs(const Call& c, Sizes s, const char* why) {
  for_each_output(c, [&](const Param& p, const FlatTensor& t) { expect_shape(c, p.name, t, s, why); });
}

// The shape that all inputs broadcast to; refuses inputs that do not.
Shape broadcast_shape(const Call& c);
// Widens `s` to what it and the parameter `p`, `t`, broadcast to.
void broadcast_with(const Call& c, Shape& s, const char* p, const FlatTensor& t);

// Bool < integer < floating point < complex.
int category(aclDataType t);
// Refuses what is described as `found` unless a result of `from`, a category, casts to `to`.
void expect_castable(const Call& c, const char* param, const std::string& found, aclDataType to, int from);

// `dim` in [-rank, rank), made positive; a 0-dim tensor has the one dim that 1 would have.
inline int64_t wrap(const Call& c, const char* param, int64_t dim, int64_t rank) {
  const int64_t n = rank > 0 ? rank : 1;
  if (dim < -n || dim >= n)
    refuse(c, param, std::to_string(dim),
           "a dim from " + std::to_string(-n) + " to " + std::to_string(n - 1));
  return dim < 0 ? dim + n : dim;
}

}  // namespace npu_sim::ops::rules
