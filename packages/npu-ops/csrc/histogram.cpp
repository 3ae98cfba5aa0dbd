// SPDX-License-Identifier: BSD-3-Clause
// Histograms of one dimension: the place of each number among the edges, and a sum for each place.
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>

#include <cmath>

#include "call.h"
#include "devices.h"
#include "kernel.h"
#include "soc.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;
using MaybeRange = std::optional<at::ArrayRef<double>>;
using Two = std::tuple<at::Tensor, at::Tensor>;

at::Tensor counted(const at::Tensor& self, const at::Tensor& edges, const MaybeTensor& weight, bool density) {
  const int64_t bins = edges.numel() - 1;
  const at::Tensor x = self.reshape({-1});
  // Places 0 and bins + 1 are outside; the last edge belongs to the bin before it.
  const at::Tensor inside = at::searchsorted(edges, x, /*out_int32=*/false, /*right=*/true);
  const at::Tensor places = inside.sub(at::eq(x, edges.select(0, bins)).to(at::kLong));
  at::Tensor sums = at::zeros({bins + 2}, self.options());
  sums.scatter_add_(
      0, places, weight && weight->defined() ? weight->reshape({-1}) : at::ones({x.numel()}, self.options()));
  at::Tensor result = sums.narrow(0, 1, bins);
  if (!density) return result.clone();
  const at::Tensor widths = at::sub(edges.narrow(0, 1, bins), edges.narrow(0, 0, bins));
  return result.div(result.sum()).div_(widths);
}

void check(const at::Tensor& self, const MaybeTensor& weight) {
  check_dtype("histogram", self, dtypes("fd"));
  check_soc("histogram", "adds nothing up by place");
  if (!weight || !weight->defined()) return;
  TORCH_CHECK(weight->scalar_type() == self.scalar_type(),
              "torch.histogram: if weight tensor is provided, input tensor and weight tensor should have the "
              "same dtype, "
              "but got input(",
              self.scalar_type(), "), and weight(", weight->scalar_type(), ")");
  TORCH_CHECK(
      weight->sizes() == self.sizes(),
      "torch.histogram: if weight tensor is provided it should have the same shape as the input tensor "
      "excluding its innermost dimension, but got input with shape ",
      self.sizes(), " and weight with shape ", weight->sizes());
}

Two histogram_edges(const at::Tensor& self, const at::Tensor& edges, const MaybeTensor& weight,
                    bool density) {
  c10::DeviceGuard guard(common_device("histogram", false, self, edges, weight));
  check(self, weight);
  TORCH_CHECK(
      edges.scalar_type() == self.scalar_type(),
      "torch.histogram: input tensor and bins tensors should have the same dtype, but got input with dtype ",
      self.scalar_type(), " and bins for dimension 0 with dtype ", edges.scalar_type());
  TORCH_CHECK(edges.dim() == 1, "torch.histogram: bins tensor should have one dimension, but got ",
              edges.dim(), " dimensions in the bins tensor for dimension 0");
  TORCH_CHECK(edges.numel() > 0,
              "torch.histogram: bins tensor should have at least 1 element, but got 0 elements in the bins "
              "tensor for "
              "dimension 0");
  TORCH_CHECK(edges.numel() > 1, "torch.histogram(): bins must be > 0, but got 0 for dimension 0");
  const at::Tensor own = dense(edges);
  return {counted(self, own, weight, density), own.is_same(edges) ? edges.clone() : own};
}

// Where no range is given it is that of the numbers, which torch checks to be finite.
Two histogram_bins(const at::Tensor& self, int64_t bins, MaybeRange range, const MaybeTensor& weight,
                   bool density) {
  c10::DeviceGuard guard(common_device("histogram", false, self, weight));
  check(self, weight);
  TORCH_CHECK(bins > 0, "torch.histogram(): bins must be > 0, but got ", bins, " for dimension 0");
  double least = 0, most = 1;
  if (range) {
    TORCH_CHECK(range->size() == 2,
                "torch.histogram: for a 1-dimensional histogram range should have 2 elements, but "
                "got ",
                range->size());
    least = (*range)[0];
    most = (*range)[1];
  } else if (self.numel()) {
    auto [low, high] = self.aminmax();
    const at::Tensor ends = at::stack({low, high}).to(at::kCPU, at::kDouble);
    least = ends[0].item<double>();
    most = ends[1].item<double>();
  }
  TORCH_CHECK(std::isfinite(least) && std::isfinite(most), "torch.histogram: dimension 0's range [", least,
              ", ", most, "] is not finite");
  TORCH_CHECK(least <= most, "torch.histogram: min should not exceed max, but got min ", least, " max ", most,
              " for dimension 0");
  if (least == most) {
    least -= 0.5;
    most += 0.5;
  }
  const at::Tensor edges = at::linspace(least, most, bins + 1, self.options());
  return {counted(self, edges, weight, density), edges};
}

std::tuple<at::Tensor&, at::Tensor&> edges_out(const at::Tensor& self, const at::Tensor& given,
                                               const MaybeTensor& weight, bool density, at::Tensor& hist,
                                               at::Tensor& edges) {
  auto [h, e] = histogram_edges(self, given, weight, density);
  return {give(hist, h), give(edges, e)};
}
std::tuple<at::Tensor&, at::Tensor&> bins_out(const at::Tensor& self, int64_t bins, MaybeRange range,
                                              const MaybeTensor& weight, bool density, at::Tensor& hist,
                                              at::Tensor& edges) {
  auto [h, e] = histogram_bins(self, bins, range, weight, density);
  return {give(hist, h), give(edges, e)};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"histogram.bins_tensor", histogram_edges>(m);
  impl<"histogram.bins_tensor_out", edges_out>(m);
  impl<"histogram.bin_ct", histogram_bins>(m);
  impl<"histogram.bin_ct_out", bins_out>(m);
}

}  // namespace npu::ops
