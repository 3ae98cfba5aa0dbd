// SPDX-License-Identifier: BSD-3-Clause
// Classes drawn by their weights.
#include <ATen/core/Generator.h>
#include <ATen/native/Resize.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"
#include "random.h"

namespace npu::ops {
namespace {

void check_multinomial(const at::Tensor& self, int64_t n, bool replacement) {
  TORCH_CHECK(self.is_floating_point(),
              "multinomial only supports floating-point dtypes for input, got: ", self.scalar_type(), " ",
              self.sizes());
  TORCH_CHECK(self.dim() == 1 || self.dim() == 2, "multinomial: prob_dist must be 1 or 2 dim, got shape ",
              self.sizes());
  TORCH_CHECK(n > 0, "multinomial: cannot sample n_sample <= 0 samples");
  TORCH_CHECK(replacement || n <= self.size(-1),
              "multinomial: cannot sample n_sample > prob_dist.size(-1) "
              "samples without replacement; n_sample ",
              n, ", prob_dist ", self.sizes());
  // Classes are counted in float32.
  TORCH_CHECK(self.size(-1) <= 1 << 24, "multinomial: number of categories cannot exceed 2^24, got ",
              self.size(-1));
}

// Zero or bad weights are found on the device: by CANN, or by what it answers.
at::Tensor& multinomial_out(const at::Tensor& self, int64_t n, bool replacement,
                            std::optional<at::Generator> generator, at::Tensor& out) {
  check_multinomial(self, n, replacement);
  TORCH_CHECK(out.scalar_type() == at::kLong,
              "multinomial expects Long tensor out, got: ", out.scalar_type());
  c10::DeviceGuard guard(common_device("multinomial", false, self, out));
  check_dtype("multinomial", self, dtypes("bhfd"));
  Dims sizes(self.sizes().begin(), self.sizes().end());
  sizes.back() = n;
  at::native::resize_output(out, sizes);
  if (out.numel() == 0) return out;
  const Philox drawn = draw(std::move(generator), self.device(), std::max(self.numel(), out.numel()));
  if (C10_UNLIKELY(drawn.captured()))
    launch<aclnnMultinomialTensor>(self, n, replacement, drawn.seed_tensor, drawn.offset_tensor, drawn.offset,
                                   out);
  else
    launch<aclnnMultinomial>(self, n, replacement, drawn.seed, drawn.offset, out);
  return out;
}

at::Tensor multinomial(const at::Tensor& self, int64_t n, bool replacement,
                       std::optional<at::Generator> generator) {
  c10::DeviceGuard guard(self.device());
  at::Tensor out = empty({0}, at::kLong);
  return multinomial_out(self, n, replacement, std::move(generator), out);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"multinomial", multinomial>(m);
  impl<"multinomial.out", multinomial_out>(m);
}

}  // namespace npu::ops
