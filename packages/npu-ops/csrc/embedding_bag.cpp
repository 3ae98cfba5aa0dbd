// SPDX-License-Identifier: BSD-3-Clause
// Bags of embeddings, and their gradients as sums of rows.
#include <ATen/ops/_embedding_bag_sparse_backward.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;
using Four = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

constexpr int64_t kSum = 0, kMean = 1, kMax = 2;

// Output, each index's bag, the bags' sizes and, of maxima, the row that each element is from.
Four embedding_bag(const at::Tensor& weight, const at::Tensor& indices_in, const at::Tensor& offsets_in,
                   bool scale_by_frequency, int64_t mode, bool sparse, const MaybeTensor& each, bool ends,
                   int64_t padding) {
  static constexpr const char* op = "embedding_bag";
  c10::DeviceGuard guard(common_device(op, false, weight, indices_in, offsets_in, each));
  TORCH_CHECK(weight.dim() == 2 && indices_in.dim() == 1 && offsets_in.dim() == 1,
              "embedding_bag: expected a matrix of weights and vectors of indices and offsets");
  check_dtype(op, weight, dtypes("fhb"));
  for (const at::Tensor& t : {indices_in, offsets_in})
    TORCH_CHECK(t.scalar_type() == at::kLong || t.scalar_type() == at::kInt,
                "expected scalar types int32 or int64 for indices and offsets, but got ", t.scalar_type());
  TORCH_CHECK(!each || !each->defined() || (mode == kSum && each->scalar_type() == weight.scalar_type()),
              "embedding_bag: per_sample_weights was not None and of another dtype, or mode was not 'sum'");
  TORCH_CHECK(offsets_in.size(0) >= (ends ? 1 : 0), "include_last_offset: numBags should be at least 1");
  const auto type = c10::promoteTypes(indices_in.scalar_type(), offsets_in.scalar_type());
  const at::Tensor indices = dense(cast(indices_in, type)), offsets = dense(cast(offsets_in, type));
  const int64_t bags = offsets.size(0) - (ends ? 1 : 0), columns = weight.size(1);
  // Without padding a sum needs no map of indices to bags: torch makes it where it wants one.
  const bool mapped = mode != kSum || padding >= 0;
  const std::array<int64_t, 2> places{bags, columns};
  Four r{empty({bags, columns}, weight.scalar_type()), empty({mapped ? indices.size(0) : 0}, type),
         empty({bags}, type),
         empty(mode == kMax ? at::IntArrayRef(places) : at::IntArrayRef(places).slice(0, 1), type)};
  auto& [out, bag_of, sizes, largest] = r;
  if (indices.numel() == 0) {
    for (at::Tensor* t : {&out, &bag_of, &sizes, &largest}) t->zero_();
    return r;
  }
  launch<aclnnEmbeddingBag>(weight, indices, offsets, scale_by_frequency, mode, sparse,
                            each ? *each : at::Tensor(), ends, padding, out, bag_of, sizes, largest);
  return r;
}

// How many indices each of `rows` rows has, for each of `indices`.
at::Tensor frequency(const at::Tensor& indices, int64_t rows, const at::TensorOptions& options) {
  at::Tensor counts = at::zeros({rows}, options);
  counts.index_add_(0, indices, at::ones_like(indices, options));
  return counts.index_select(0, indices);
}

// Halves are summed in float32.
at::Tensor unrounded(const at::Tensor& t) {
  return at::isReducedFloatingType(t.scalar_type()) ? cast(t, at::kFloat) : t;
}

at::Tensor dense_backward(const at::Tensor& given, const at::Tensor& indices, const at::Tensor& bag_of,
                          const at::Tensor& sizes, const at::Tensor& largest, int64_t rows,
                          bool scale_by_frequency, int64_t mode, const MaybeTensor& each, int64_t padding) {
  c10::DeviceGuard guard(common_device("embedding_bag_dense_backward", false, given, indices, bag_of, each));
  const at::Tensor grad = unrounded(given);
  at::Tensor out = at::zeros({rows, grad.size(1)}, grad.options());
  if (indices.numel() == 0 || grad.numel() == 0) return cast(out, given.scalar_type());
  if (mode == kMax) {
    // A bag of nothing has no largest row.
    const at::Tensor some = sizes.gt(0).unsqueeze(1).to(grad.scalar_type());
    out.scatter_add_(0, largest.to(at::kLong).clamp_min(0), grad.mul(some));
    return cast(out, given.scalar_type());
  }
  at::Tensor share = grad.index_select(0, bag_of);
  if (mode == kMean) share = share.div(sizes.index_select(0, bag_of).unsqueeze(1).to(grad.scalar_type()));
  if (each && each->defined()) share = share.mul(each->unsqueeze(1));
  if (scale_by_frequency) share = share.div(frequency(indices, rows, grad.options()).unsqueeze(1));
  if (padding >= 0) share = share.masked_fill(indices.eq(padding).unsqueeze(1), 0);
  return cast(out.index_add_(0, indices, share), given.scalar_type());
}

// Each index's bag, of bags that begin at `offsets`: the number of bags that have begun, less one.
at::Tensor bags_of(const at::Tensor& indices, const at::Tensor& offsets) {
  at::Tensor begun = at::zeros({indices.size(0) + 1}, offsets.options());
  begun.index_add_(0, offsets, at::ones_like(offsets));
  return begun.cumsum(0).sub(1).slice(0, 0, indices.size(0)).to(indices.scalar_type());
}

at::Tensor backward(const at::Tensor& grad, const at::Tensor& indices, const at::Tensor& offsets,
                    const at::Tensor& bag_of, const at::Tensor& sizes, const at::Tensor& largest,
                    int64_t rows, bool scale_by_frequency, int64_t mode, bool sparse, const MaybeTensor& each,
                    int64_t padding) {
  c10::DeviceGuard guard(
      common_device("embedding_bag_backward", false, grad, indices, offsets, bag_of, each));
  const at::Tensor bags = bag_of.numel() || mode == kMax ? bag_of : bags_of(indices, offsets);
  if (sparse)  // torch refuses those of maxima
    return at::_embedding_bag_sparse_backward(grad, indices, offsets, bags, sizes, rows, scale_by_frequency,
                                              mode, each, padding);
  return dense_backward(grad, indices, bags, sizes, largest, rows, scale_by_frequency, mode, each, padding);
}

at::Tensor weights_backward(const at::Tensor& grad, const at::Tensor& weight, const at::Tensor& indices,
                            const at::Tensor& offsets, const at::Tensor& bag_of, int64_t mode,
                            int64_t padding) {
  TORCH_CHECK(mode == kSum, "embedding_bag_backward: per_sample_weights only supported for mode='sum'");
  c10::DeviceGuard guard(
      common_device("embedding_bag_per_sample_weights_backward", false, grad, weight, indices));
  if (indices.numel() == 0) return at::zeros({0}, grad.options());
  const at::Tensor bags = bag_of.numel() ? bag_of : bags_of(indices, offsets);
  const at::Tensor products =
      unrounded(grad.index_select(0, bags)).mul(unrounded(weight.index_select(0, indices)));
  const at::Tensor r = products.sum(1, /*keepdim=*/false, grad.scalar_type());
  return padding >= 0 ? r.masked_fill(indices.eq(padding), 0) : r;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_embedding_bag", embedding_bag>(m);
  impl<"_embedding_bag_forward_only", embedding_bag>(m);
  impl<"_embedding_bag_backward", backward>(m);
  impl<"_embedding_bag_dense_backward", dense_backward>(m);
  impl<"_embedding_bag_per_sample_weights_backward", weights_backward>(m);
}

}  // namespace npu::ops
