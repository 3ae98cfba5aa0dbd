// SPDX-License-Identifier: BSD-3-Clause
// Bags of embeddings: sums, means or maxima of rows.
#include <ATen/ops/_embedding_bag.h>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

// A row of 'weight' for each bag; bags begin at 'offsets', the last of which is an end where the caller says
// so.
void embedding_bag(const Call& c) {
  const auto &weight = rules::at(c, "weight"), &indices = rules::at(c, "indices"),
             &offsets = rules::at(c, "offsets");
  if (weight.ndim != 2) rules::refuse(c, "weight", nnop::describe(weight), "2 dims");
  for (auto [name, t] : {std::pair("indices", &indices), std::pair("offsets", &offsets)})
    if (t->ndim != 1) rules::refuse(c, name, nnop::describe(*t), "1 dim");
  const int64_t mode = rules::number(c, "mode");
  if (mode < 0 || mode > 2)
    rules::refuse(c, "mode", std::to_string(mode), "0 (sum), 1 (mean) or 2 (the largest)");
  if (const auto* each = rules::optional(c, "perSampleWeights"))
    rules::expect_shape(c, "perSampleWeights", *each, indices.sizes(), "that of 'indices'");
  const int64_t bags = offsets.sizes()[0] - (rules::number(c, "includeLastOffset") ? 1 : 0);
  const int64_t rows[] = {bags, weight.sizes()[1]};
  rules::expect_shape(c, "output", rules::at(c, "output"), rows, "a row for each bag");
}

}  // namespace

// The maps beside the output serve the backward pass; of those that the mode does not need the caller may
// give nothing or anything.
NPU_SIM_KERNEL(aclnnEmbeddingBag, embedding_bag) =
    [](In weight, In indices, In offsets, bool by_frequency, int64_t mode, bool, OptIn each, bool ends,
       int64_t padding, Out output, OptIn bag_of, OptIn sizes, OptIn largest) {
      const at::Tensor w = wide(weight), at = indices.to(at::kLong);
      std::optional<at::Tensor> factors;
      if (each) factors = each->to(w.scalar_type());
      auto [o, b, s, m] = at::_embedding_bag(w, at, offsets.to(at::kLong), by_frequency, mode,
                                             /*sparse=*/false, factors, ends, padding);
      put(output, o);
      put_wanted(bag_of, b);
      put_wanted(sizes, s.numel() == output.size(0) ? s : s.slice(0, 0, output.size(0)));
      put_wanted(largest, m);
    };

}  // namespace npu_sim::ops
