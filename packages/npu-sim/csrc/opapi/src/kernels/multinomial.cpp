// SPDX-License-Identifier: BSD-3-Clause
// Drawing classes by weights: number i of a row takes position offset + row * samples + i of the seed's
// sequence.
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "../kernel.h"
#include "../philox.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

// Rows of weights, 'numsamples' classes for each; without replacement at most one of a class.
void multinomial(const Call& c) {
  const auto& self = rules::at(c, "self");
  const int64_t n = rules::number(c, "numsamples");
  if (self.ndim != 1 && self.ndim != 2) rules::refuse(c, "self", nnop::describe(self), "1 or 2 dims");
  const int64_t classes = self.sizes()[self.ndim - 1];
  if (n < 1) rules::refuse(c, "numsamples", std::to_string(n), "at least 1");
  if (!rules::number(c, "replacement") && n > classes)
    rules::refuse(c, "numsamples", std::to_string(n), "at most " + std::to_string(classes) + " classes");
  rules::Shape s = rules::shape(self);
  s[self.ndim - 1] = n;
  rules::expect_outputs(c, s, "that of 'self' with 'numsamples'");
}

double uniform(int64_t seed, int64_t at) {
  uint32_t words[philox::kWords];
  const auto s = static_cast<uint64_t>(seed), p = static_cast<uint64_t>(at);
  const uint32_t high = *philox::words(s, p, 0, 1, words), low = *philox::words(s, p, 1, 1, words);
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

void draw(double* weights, int64_t classes, int64_t samples, bool replacement, int64_t seed, int64_t offset,
          int64_t* out) {
  double sum = 0;
  for (int64_t i = 0; i < classes; ++i) {
    if (!(weights[i] >= 0) || std::isinf(weights[i]))
      throw std::runtime_error("a probability is " + std::to_string(weights[i]) +
                               "; expected a finite number that is not negative");
    sum += weights[i];
  }
  for (int64_t k = 0; k < samples; ++k) {
    if (!(sum > 0))
      throw std::runtime_error("the probabilities of a row, or what is left of them, are all 0");
    const double target = uniform(seed, offset + k) * sum;
    int64_t pick = -1;
    double below = 0;
    for (int64_t i = 0; i < classes && (pick < 0 || below <= target); ++i) {
      if (weights[i] <= 0) continue;
      pick = i;
      below += weights[i];
    }
    out[k] = pick;
    if (replacement) continue;
    weights[pick] = 0;
    sum = 0;
    for (int64_t i = 0; i < classes; ++i) sum += weights[i];
  }
}

void sample(Out out, In self, int64_t samples, bool replacement, int64_t seed, int64_t offset) {
  at::Tensor weights = self.to(at::kDouble, /*non_blocking=*/false, /*copy=*/true).contiguous();
  at::Tensor picked = at::empty(out.sizes(), at::TensorOptions().dtype(at::kLong));
  const int64_t classes = self.size(-1), rows = classes ? self.numel() / classes : 0;
  for (int64_t r = 0; r < rows; ++r)
    draw(weights.data_ptr<double>() + r * classes, classes, samples, replacement, seed, offset + r * samples,
         picked.data_ptr<int64_t>() + r * samples);
  out.copy_(picked);
}

}  // namespace

NPU_SIM_KERNEL(aclnnMultinomial, multinomial) = [](In self, int64_t samples, bool replacement, int64_t seed,
                                                   int64_t offset, Out out) {
  sample(out, self, samples, replacement, seed, offset);
};
// As a captured graph has it: seed and offset in device memory, and an offset within the graph.
NPU_SIM_KERNEL(aclnnMultinomialTensor, rules::all<multinomial, rules::seeds>) =
    [](In self, int64_t samples, bool replacement, In seed, In offset, int64_t more, Out out) {
      sample(out, self, samples, replacement, seed.item<int64_t>(), offset.item<int64_t>() + more);
    };

}  // namespace npu_sim::ops
