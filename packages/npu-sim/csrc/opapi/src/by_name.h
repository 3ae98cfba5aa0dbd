// SPDX-License-Identifier: BSD-3-Clause
// Kernels that several versions of one operator share, each with other arguments: they ask for them by name.
//
//   NPU_SIM_KERNEL(aclnnFlashAttentionScoreV2, rules::attention) = ByName<attention::forward>{};
//
// Any argument may be null; the rule refuses the absence of those that are needed.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernel.h"
#include "rule_tools.h"

namespace npu_sim::ops {

template <void (*kBody)(const Call&)>
struct ByName {};

namespace detail {

template <void (*kBody)(const Call&)>
struct Traits<ByName<kBody>> {
  static constexpr bool fits(std::string_view) { return true; }
  static void run(const Call& c) { on_device(c, kBody); }
  static constexpr uint64_t nullable() { return ~uint64_t{0}; }
};

}  // namespace detail

// The first of `names` that the operator has and the caller gave; undefined if none.
inline at::Tensor given(const Call& c, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto* t = rules::optional(c, name); t && t->numel()) return tensor_over(*t);
  return {};
}

}  // namespace npu_sim::ops
