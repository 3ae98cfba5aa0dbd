// SPDX-License-Identifier: BSD-3-Clause
// Padding by a number: one launch, or PyTorch's own way over views where padding is negative and cuts off.
// Padding by the edge, and pixels made channels, in the planes' memory format.
#include <ATen/native/PixelShuffle.h>
#include <ATen/ops/constant_pad_nd_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/pixel_unshuffle_native.h>
#include <ATen/ops/replication_pad2d_meta.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>

#include "aclnn_ops.h"
#include "call.h"
#include "kernel.h"
#include "structured.h"

namespace npu::ops {
namespace {

constexpr DtypeSet kPadded = dtypes("fhilscutjm?dFDb");

at::Tensor constant_pad_nd(const at::Tensor& self, at::IntArrayRef pad, const c10::Scalar& value) {
  const bool cuts = std::any_of(pad.begin(), pad.end(), [](int64_t p) { return p < 0; });
  const auto dims = static_cast<int64_t>(pad.size() / 2);
  if (cuts || pad.size() % 2 || dims > self.dim() || self.numel() == 0 ||
      !(kPadded & bit(self.scalar_type())))
    return at::native::constant_pad_nd(self, pad, value);
  c10::DeviceGuard guard(self.device());
  check_fits(self.scalar_type(), value);
  Dims sizes(self.sizes().begin(), self.sizes().end());
  for (int64_t i = 0; i < dims; ++i) sizes[self.dim() - 1 - i] += pad[2 * i] + pad[2 * i + 1];
  at::Tensor out = empty(sizes, self.scalar_type(), {}, self.suggest_memory_format());
  launch<aclnnConstantPadNd>(self, pad, value, out);
  return out;
}

// PyTorch's meta has no memory format, and its kernels keep that of the planes.
struct replication_pad2d_op {
  using Meta = at::meta::structured_replication_pad2d;
  static constexpr const char* name = "replication_pad2d";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, at::IntArrayRef padding) {
    const bool fresh = !m.tensors[0].defined();
    m.meta(self, padding);
    if (const auto format = self.suggest_memory_format(); fresh && format != at::MemoryFormat::Contiguous)
      m.tensors[0] = empty(m.tensors[0].sizes(), self.scalar_type(), {}, format);
  }
  static void run(Call& k, const at::Tensor& self, at::IntArrayRef padding) {
    constexpr DtypeSet accepted = dtypes("?custhbijflmdFD");
    launch<aclnnReplicationPad2d>(k.in(self, accepted), padding, k.out(0, accepted));
  }
};

at::Tensor replication_pad2d(const at::Tensor& self, at::IntArrayRef padding) {
  return run_functional<replication_pad2d_op>(self, padding);
}
at::Tensor& replication_pad2d_out(const at::Tensor& self, at::IntArrayRef padding, at::Tensor& out) {
  return std::get<0>(run_out<replication_pad2d_op>(std::tie(out), self, padding));
}

// Channels that lie side by side stay so: PyTorch's own way for any device would put them apart.
at::Tensor pixel_unshuffle(const at::Tensor& self, int64_t factor) {
  if (self.suggest_memory_format() != at::MemoryFormat::ChannelsLast)
    return at::native::math_pixel_unshuffle(self, factor);
  at::native::check_pixel_unshuffle_shapes(self, factor);
  const int64_t h = self.size(2) / factor, w = self.size(3) / factor;
  at::Tensor out = at::empty({self.size(0), self.size(1) * factor * factor, h, w},
                             self.options().memory_format(at::MemoryFormat::ChannelsLast));
  out.unflatten(1, {self.size(1), factor, factor})
      .copy_(self.unflatten(3, {w, factor}).unflatten(2, {h, factor}).permute({0, 1, 3, 5, 2, 4}));
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"constant_pad_nd", constant_pad_nd>(m);
  impl<"replication_pad2d", replication_pad2d>(m);
  impl<"replication_pad2d.out", replication_pad2d_out>(m);
  impl<"pixel_unshuffle", pixel_unshuffle>(m);
}

}  // namespace npu::ops
