// SPDX-License-Identifier: BSD-3-Clause
// Rounding of every tensor of a list, by a mode with the numbers of AscendC's RoundMode. Another mode leaves
// the numbers as they are, as CANN's documentation has it.
#include <ATen/ops/abs.h>
#include <ATen/ops/ceil.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/frac.h>
#include <ATen/ops/round.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/trunc.h>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

constexpr int64_t kNearestEven = 1, kDown = 2, kUp = 3, kNearestAway = 4, kToZero = 5, kFraction = 7;

at::Tensor rounded(In x, int64_t mode) {
  // Integers are whole already; nothing is behind their point.
  if (c10::isIntegralType(x.scalar_type(), /*includeBool=*/true)) return mode == kFraction ? x.sub(x) : x;
  switch (mode) {
    case kNearestEven:
      return at::round(x);
    case kDown:
      return at::floor(x);
    case kUp:
      return at::ceil(x);
    case kNearestAway:
      return at::sign(x).mul(at::floor(at::abs(x).add(0.5)));
    case kToZero:
      return at::trunc(x);
    case kFraction:
      return at::frac(x);
    default:
      return x;
  }
}

void round_each(at::TensorList x, int64_t mode, at::TensorList out) {
  for (size_t i = 0; i < out.size(); ++i) out[i].copy_(rounded(x[i], mode));
}

void one_mode(const rules::Call& c) {
  rules::lists(c);
  rules::expect_numel(c, "roundMode", rules::at(c, "roundMode"), 1);
}

}  // namespace

NPU_SIM_KERNEL(aclnnForeachRoundOffNumber, one_mode) = [](at::TensorList x, In mode, at::TensorList out) {
  round_each(x, mode.item().toLong(), out);
};
NPU_SIM_KERNEL(aclnnForeachRoundOffNumberV2, rules::lists) =
    [](at::TensorList x, Num mode, at::TensorList out) { round_each(x, mode.toLong(), out); };

}  // namespace npu_sim::ops
