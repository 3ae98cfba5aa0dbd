// SPDX-License-Identifier: BSD-3-Clause
// Scans, order statistics, places among sorted numbers, counts, distinct elements, distances.
#include <ATen/ops/_cdist_backward.h>
#include <ATen/ops/_cdist_forward.h>
#include <ATen/ops/_pdist_forward.h>
#include <ATen/ops/_unique2.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/cummax.h>
#include <ATen/ops/cummin.h>
#include <ATen/ops/cumprod.h>
#include <ATen/ops/histc.h>
#include <ATen/ops/kthvalue.h>
#include <ATen/ops/median.h>
#include <ATen/ops/nanmedian.h>
#include <ATen/ops/nansum.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/unique_consecutive.h>
#include <ATen/ops/unique_dim.h>

#include <numeric>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::FlatTensor;
using rules::Shape;
using Dims = const std::optional<at::IntArrayRef>&;

// CANN's sign that no dim is meant.
constexpr int64_t kFlat = 1000;

// `dim` is a scalar here.
void scanned(const Call& c) {
  const FlatTensor& in = rules::at(c, "input");
  const at::Scalar dim = scalar_of(*c.scalar(static_cast<uint32_t>(rules::find(c, "dim"))));
  rules::wrap(c, "dim", dim.toLong(), in.ndim);
  rules::expect_outputs(c, in.sizes(), "that of the input");
}

void kth(const Call& c) {
  const FlatTensor& self = rules::at(c, "self");
  const int64_t dim = rules::wrap(c, "dim", rules::number(c, "dim"), self.ndim), k = rules::number(c, "k");
  const int64_t size = self.ndim ? self.sizes()[static_cast<size_t>(dim)] : 1;
  if (k < 1 || k > size) rules::refuse(c, "k", std::to_string(k), "1 to " + std::to_string(size));
  rules::reduce(c);
}

void histogram(const Call& c) {
  const int64_t bins = rules::number(c, "bins");
  if (bins <= 0) rules::refuse(c, "bins", std::to_string(bins), "a positive number");
  const auto [p, out] = rules::first_output(c);
  rules::expect_numel(c, p.name, out, bins);
}

void counted(const Call& c) {
  const FlatTensor& self = rules::at(c, "self");
  if (self.ndim != 1) rules::refuse(c, "self", nnop::describe(self), "1 dim");
  if (const FlatTensor* w = rules::optional(c, "weights"))
    rules::expect_numel(c, "weights", *w, self.numel());
  if (rules::number(c, "minlength") < 0) rules::refuse(c, "minlength", "negative", "a count");
}

// The sequence is one vector, or has the values' dims but the last.
void searched(const Call& c) {
  const FlatTensor &sequence = rules::at(c, "sortedSequence"), &self = rules::at(c, "self");
  bool fits = sequence.ndim == 1 || sequence.ndim == self.ndim;
  for (uint32_t i = 0; fits && i + 1 < sequence.ndim; ++i) fits = sequence.sizes()[i] == self.sizes()[i];
  if (!fits)
    rules::refuse(c, "sortedSequence", nnop::describe(sequence),
                  "one dim, or those of 'self', " + nnop::describe(self));
  rules::expect_outputs(c, self.sizes(), "that of 'self'");
}
void searched_once(const Call& c) { rules::reduce_all(c); }
void bucketized(const Call& c) {
  const FlatTensor& boundaries = rules::at(c, "boundaries");
  if (boundaries.ndim != 1) rules::refuse(c, "boundaries", nnop::describe(boundaries), "1 dim");
  rules::like_self(c);
}

// Room for every element, as only the device knows how many differ.
void distinct(const Call& c) {
  const auto [p, out] = rules::first_output(c);
  rules::expect_numel(c, p.name, out, rules::at(c, "self").numel());
}
void distinct_slices(const Call& c) {
  const int64_t dim = rules::number(c, "dim");
  if (dim != kFlat) rules::wrap(c, "dim", dim, rules::at(c, "self").ndim);
  distinct(c);
}

void pairs(const Call& c) {
  const FlatTensor &a = rules::at(c, "x1"), &b = rules::at(c, "x2");
  for (const auto& [name, t] : {std::pair("x1", &a), std::pair("x2", &b)})
    if (t->ndim < 2) rules::refuse(c, name, nnop::describe(*t), "at least 2 dims");
  if (a.sizes().back() != b.sizes().back())
    rules::refuse(c, "x2", nnop::describe(b), "points of as many coordinates as " + nnop::describe(a));
  if (rules::real(c, "p") < 0) rules::refuse(c, "p", "negative", "a norm");
}
void pairs_backward(const Call& c) {
  const FlatTensor& a = rules::at(c, "x1");
  rules::expect_outputs(c, a.sizes(), "that of 'x1'");
}
void pairs_of_one(const Call& c) {
  const FlatTensor& self = rules::at(c, "self");
  if (self.ndim != 2) rules::refuse(c, "self", nnop::describe(self), "2 dims");
  const int64_t n = self.sizes()[0];
  const auto [p, out] = rules::first_output(c);
  rules::expect_numel(c, p.name, out, n * (n - 1) / 2);
}

at::OptionalIntArrayRef some(Dims dims) {
  if (!dims || dims->empty()) return std::nullopt;
  return *dims;
}

// An aminmax over several dims, which torch has over one or all.
void extremes(In self, Dims dims, bool keep, Out least, Out most) {
  std::vector<int64_t> all(static_cast<size_t>(self.dim()));
  std::iota(all.begin(), all.end(), 0);
  const at::IntArrayRef over = dims && !dims->empty() ? *dims : at::IntArrayRef(all);
  least.copy_(self.amin(over, keep));
  most.copy_(self.amax(over, keep));
}

void put(Out out, In value) { out.copy_(value.sizes() == out.sizes() ? value : value.reshape(out.sizes())); }

// What there is of three results, where the caller wants them.
void give(Shaped& values, Out inverse, Shaped& counts,
          const std::tuple<at::Tensor, at::Tensor, at::Tensor>& r, bool with_inverse, bool with_counts) {
  const auto& [v, i, n] = r;
  values.resize(v.sizes()).copy_(v);
  if (with_inverse) inverse.copy_(i.reshape(inverse.sizes()));
  if (with_counts) counts.resize(n.sizes()).copy_(n);
}

}  // namespace

NPU_SIM_KERNEL(aclnnCummax, rules::along_dim) = [](In self, int64_t dim, Out values, Out indices) {
  auto [v, i] = at::cummax(self, dim);
  values.copy_(v);
  indices.copy_(i);
};
NPU_SIM_KERNEL(aclnnCummin, rules::along_dim) = [](In self, int64_t dim, Out values, Out indices) {
  auto [v, i] = at::cummin(self, dim);
  values.copy_(v);
  indices.copy_(i);
};
NPU_SIM_KERNEL(aclnnCumprod, rules::all<scanned, rules::dtype_given>) = [](In self, Num dim,
                                                                           at::ScalarType dtype, Out out) {
  out.copy_(at::cumprod(self, dim.toLong(), dtype));
};
NPU_SIM_KERNEL(aclnnReduceNansum, rules::all<rules::reduce, rules::dtype_given>,
               rules::input_bytes) = [](In self, Dims dims, bool keep, at::ScalarType dtype, Out out) {
  out.copy_(at::nansum(self, some(dims), keep, dtype));
};
NPU_SIM_KERNEL(aclnnAminmax, rules::all<rules::reduce, rules::keeps_dtype>, rules::input_bytes) =
    [](In self, Dims dims, bool keep, Out least, Out most) { extremes(self, dims, keep, least, most); };
NPU_SIM_KERNEL(aclnnAminmaxAll, rules::reduce_all, rules::input_bytes) = [](In self, Out least, Out most) {
  auto [a, b] = at::aminmax(self);
  put(least, a);
  put(most, b);
};
NPU_SIM_KERNEL(aclnnAminmaxDim, rules::all<rules::reduce, rules::keeps_dtype>,
               rules::input_bytes) = [](In self, int64_t dim, bool keep, Out least, Out most) {
  extremes(self, at::IntArrayRef(dim), keep, least, most);
};
NPU_SIM_KERNEL(aclnnMedian, rules::reduce_all, rules::input_bytes) = [](In self, Out out) {
  put(out, at::median(self));
};
NPU_SIM_KERNEL(aclnnNanMedian, rules::reduce_all, rules::input_bytes) = [](In self, Out out) {
  put(out, at::nanmedian(self));
};
NPU_SIM_KERNEL(aclnnMedianDim, rules::all<rules::reduce, rules::keeps_dtype>,
               rules::input_bytes) = [](In self, int64_t dim, bool keep, Out values, Out indices) {
  auto [v, i] = at::median(self, dim, keep);
  values.copy_(v);
  indices.copy_(i);
};
NPU_SIM_KERNEL(aclnnNanMedianDim, rules::all<rules::reduce, rules::keeps_dtype>,
               rules::input_bytes) = [](In self, int64_t dim, bool keep, Out values, Out indices) {
  auto [v, i] = at::nanmedian(self, dim, keep);
  values.copy_(v);
  indices.copy_(i);
};
NPU_SIM_KERNEL(aclnnKthvalue, rules::all<kth, rules::keeps_dtype>,
               rules::input_bytes) = [](In self, int64_t k, int64_t dim, bool keep, Out values, Out indices) {
  auto [v, i] = at::kthvalue(self, k, dim, keep);
  values.copy_(v);
  indices.copy_(i);
};
NPU_SIM_KERNEL(aclnnHistc, histogram, rules::input_bytes) = [](In self, int64_t bins, Num least, Num most,
                                                               Out out) {
  // torch has no histogram of integers.
  const bool whole = c10::isIntegralType(self.scalar_type(), true);
  out.copy_(at::histc(whole ? self.to(at::kDouble) : self, bins, least, most));
};
NPU_SIM_KERNEL(aclnnBincount, counted) = [](In self, OptIn weights, int64_t least, Out out) {
  const at::Tensor found = at::bincount(self, weights, least);
  TORCH_CHECK(found.numel() <= out.numel(), "aclnnBincount: 'self' has numbers of ", found.numel() - 1,
              ", 'out' ", out.numel(), " elements");
  out.zero_();
  out.narrow(0, 0, found.numel()).copy_(found);
};

NPU_SIM_KERNEL(aclnnSearchSorted, searched) = [](In sequence, In self, bool int32, bool right, OptIn sorter,
                                                 Out out) {
  out.copy_(at::searchsorted(sequence, self, int32, right, std::nullopt, sorter));
};
NPU_SIM_KERNEL(aclnnSearchSorteds, searched_once) = [](In sequence, Num self, bool int32, bool right,
                                                       OptIn sorter, Out out) {
  put(out, at::searchsorted(sequence, self, int32, right, std::nullopt, sorter));
};
NPU_SIM_KERNEL(aclnnBucketize, bucketized) = [](In self, In boundaries, bool int32, bool right, Out out) {
  out.copy_(at::searchsorted(boundaries, self, int32, right));
};

NPU_SIM_KERNEL(aclnnUnique2, distinct, rules::output_bytes) =
    [](In self, bool sorted, bool with_inverse, bool with_counts, Shaped values, Out inverse, Shaped counts) {
      give(values, inverse, counts, at::_unique2(self, sorted, with_inverse, with_counts), with_inverse,
           with_counts);
    };
NPU_SIM_KERNEL(aclnnUnique, distinct, rules::output_bytes) = [](In self, bool sorted, bool with_inverse,
                                                                Shaped values, Out inverse) {
  const auto r = at::_unique2(self, sorted, with_inverse, false);
  const at::Tensor& v = std::get<0>(r);
  values.resize(v.sizes()).copy_(v);
  if (with_inverse) inverse.copy_(std::get<1>(r).reshape(inverse.sizes()));
};
// Counts are always written: the operator has no switch for them.
NPU_SIM_KERNEL(aclnnUniqueDim, distinct_slices,
               rules::output_bytes) = [](In self, bool sorted, bool with_inverse, int64_t dim, Shaped values,
                                         Out inverse, Shaped counts) {
  give(values, inverse, counts, at::unique_dim(self, dim, sorted, with_inverse, true), with_inverse, true);
};
NPU_SIM_KERNEL(aclnnUniqueConsecutive, distinct_slices, rules::output_bytes) =
    [](In self, bool with_inverse, bool with_counts, int64_t dim, Shaped values, Out inverse, Shaped counts) {
      const std::optional<int64_t> over = dim == kFlat ? std::nullopt : std::optional(dim);
      give(values, inverse, counts, at::unique_consecutive(self, with_inverse, with_counts, over),
           with_inverse, with_counts);
    };

NPU_SIM_KERNEL(aclnnCdist, pairs) = [](In a, In b, double p, int64_t mode, Out out) {
  out.copy_(at::_cdist_forward(a, b, p, mode));
};
NPU_SIM_KERNEL(aclnnCdistBackward, pairs_backward) = [](In grad, In a, In b, In distances, double p,
                                                        Out out) {
  out.copy_(
      at::_cdist_backward(grad.contiguous(), a.contiguous(), b.contiguous(), p, distances.contiguous()));
};
NPU_SIM_KERNEL(aclnnPdist, pairs_of_one) = [](In self, double p, Out out) {
  out.copy_(at::_pdist_forward(self.contiguous(), p));
};

}  // namespace npu_sim::ops
