// SPDX-License-Identifier: BSD-3-Clause
// Batches of rows of different lengths, one after the other, and the same with a frame to the longest one.
// `offsets` says where each begins and, after the last, where it ends.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/searchsorted.h>
#include <c10/core/DeviceGuard.h>

#include "devices.h"
#include "kernel.h"
#include "tensors.h"

namespace npu::ops {
namespace {

const char* const kOne = ": tensors with one ragged dimension are supported on npu, found ";

// A value for each row as a mask over rows of `like`.
at::Tensor over(const at::Tensor& mask, const at::Tensor& like) {
  at::DimVector sizes(mask.sizes());
  sizes.resize(like.sizes().size(), 1);
  return mask.view(sizes);
}

at::Tensor framed(const at::Tensor& values, at::TensorList offsets, at::IntArrayRef lengths, double padding) {
  TORCH_CHECK_NOT_IMPLEMENTED(offsets.size() == 1 && lengths.size() == 1, "_jagged_to_padded_dense_forward",
                              kOne, offsets.size());
  c10::DeviceGuard guard(common_device("_jagged_to_padded_dense_forward", false, values, offsets));
  const int64_t longest = lengths[0], batch = offsets[0].size(0) - 1;
  at::DimVector sizes(values.sizes());
  sizes[0] = longest, sizes.insert(sizes.begin(), batch);
  if (values.numel() == 0) return at::full(sizes, padding, values.options());
  const at::Tensor begin = offsets[0].slice(0, 0, batch).unsqueeze(1),
                   end = offsets[0].slice(0, 1).unsqueeze(1);
  const at::Tensor places = begin + at::arange(longest, begin.options());
  at::Tensor rows = values.index_select(0, places.clamp_max(values.size(0) - 1).flatten()).view(sizes);
  return rows.masked_fill_(over(places.ge(end), rows), padding);
}

// What lies beyond the frame is 0.
at::Tensor unframed(const at::Tensor& dense, at::TensorList offsets, std::optional<int64_t> total) {
  TORCH_CHECK_NOT_IMPLEMENTED(offsets.size() == 1, "_padded_dense_to_jagged_forward", kOne, offsets.size());
  c10::DeviceGuard guard(common_device("_padded_dense_to_jagged_forward", false, dense, offsets));
  const int64_t longest = dense.size(1), n = total ? *total : offsets[0][-1].item<int64_t>();
  at::DimVector sizes(dense.sizes().slice(1));
  sizes[0] = n;
  if (n == 0 || dense.numel() == 0) return at::full(sizes, 0, dense.options());
  const at::Tensor places = at::arange(n, offsets[0].options());
  const at::Tensor row =
      at::searchsorted(offsets[0].slice(0, 1), places, /*out_int32=*/false, /*right=*/true);
  const at::Tensor within = places - offsets[0].index_select(0, row);
  at::Tensor r = dense.flatten(0, 1).index_select(0, row * longest + within.clamp_max(longest - 1));
  return r.masked_fill_(over(within.ge(longest), r), 0);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_jagged_to_padded_dense_forward", framed>(m);
  impl<"_padded_dense_to_jagged_forward", unframed>(m);
}

}  // namespace npu::ops
