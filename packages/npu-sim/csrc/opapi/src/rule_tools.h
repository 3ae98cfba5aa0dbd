// SPDX-License-Identifier: BSD-3-Clause
// What rules are made of.
#pragma once

#include <c10/util/SmallVector.h>

#include <cstring>
#include <string>

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

// The parameter called `name`, or -1.
inline int find(const Call& c, const char* name) {
  for (uint32_t i = 0; i < c.op().count; ++i)
    if (std::strcmp(c.op().params[i].name, name) == 0) return static_cast<int>(i);
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

// Every output has shape `s`, which messages explain as `why`.
inline void expect_outputs(const Call& c, Sizes s, const char* why) {
  for_each_output(c, [&](const Param& p, const FlatTensor& t) {
    if (!equal(t.sizes(), s)) refuse(c, p.name, nnop::describe(t), "shape " + text(s) + ", " + why);
  });
}

// The shape that all inputs broadcast to; refuses inputs that do not.
Shape broadcast_shape(const Call& c);

// Bool < integer < floating point < complex.
int category(aclDataType t);

// `dim` in [-rank, rank), made positive; a 0-dim tensor has the one dim that 1 would have.
inline int64_t wrap(const Call& c, const char* param, int64_t dim, int64_t rank) {
  const int64_t n = rank > 0 ? rank : 1;
  if (dim < -n || dim >= n)
    refuse(c, param, std::to_string(dim),
           "a dim from " + std::to_string(-n) + " to " + std::to_string(n - 1));
  return dim < 0 ? dim + n : dim;
}

}  // namespace npu_sim::ops::rules
