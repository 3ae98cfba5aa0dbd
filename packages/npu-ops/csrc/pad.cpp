// SPDX-License-Identifier: BSD-3-Clause
// Padding by a number: one launch, or PyTorch's own way over views where padding is negative and cuts off.
#include <ATen/ops/constant_pad_nd_native.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>

#include "aclnn_ops.h"
#include "call.h"
#include "kernel.h"

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

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) { impl<"constant_pad_nd", constant_pad_nd>(m); }

}  // namespace npu::ops
