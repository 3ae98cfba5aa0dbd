// SPDX-License-Identifier: BSD-3-Clause
// The most frequent value along a dimension: the longest run of the sorted ones.
#include <ATen/native/ReduceOpsUtils.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>

#include "call.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using Two = std::tuple<at::Tensor, at::Tensor>;

// Of values that are equally frequent the smallest, and the last place of it, as the CPU has it.
Two mode_npu(const at::Tensor& self, int64_t dim, bool keepdim) {
  c10::DeviceGuard guard(self.device());
  const int64_t d = wrap_dim(dim, self);
  check_dtype("mode", self, dtypes("fhbcsilu?"));
  if (self.dim() == 0) return {self.clone(), at::zeros({}, self.options().dtype(at::kLong))};
  at::native::zero_numel_check_dims(self, d, "mode()");
  const at::Tensor rows = dense(self.movedim(d, -1));
  const int64_t n = rows.size(-1);
  at::Tensor values, places;
  if (rows.numel() == 0) {
    at::DimVector sizes(rows.sizes());
    sizes.back() = 1;
    values = at::empty(sizes, self.options());
    places = at::empty(sizes, self.options().dtype(at::kLong));
  } else {
    auto [sorted, order] = at::sort(rows, /*stable=*/true, /*dim=*/-1, /*descending=*/false);
    const at::Tensor first = at::searchsorted(sorted, sorted);
    const at::Tensor after = at::searchsorted(sorted, sorted, /*out_int32=*/false, /*right=*/true);
    // One number orders the runs by their length, and those of one length by their values.
    const at::Tensor rank = at::sub(after, first).mul_(n).sub_(first);
    const at::Tensor last = after.gather(-1, at::argmax(rank, -1, /*keepdim=*/true)).sub_(1);
    values = sorted.gather(-1, last);
    places = order.gather(-1, last);
  }
  values = values.squeeze(-1), places = places.squeeze(-1);
  if (keepdim) return {values.unsqueeze(d), places.unsqueeze(d)};
  return {values, places};
}

std::tuple<at::Tensor&, at::Tensor&> mode_out(const at::Tensor& self, int64_t dim, bool keepdim,
                                              at::Tensor& values, at::Tensor& places) {
  auto [v, p] = mode_npu(self, dim, keepdim);
  return {give(values, v), give(places, p)};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"mode", mode_npu>(m);
  impl<"mode.values", mode_out>(m);
}

}  // namespace npu::ops
