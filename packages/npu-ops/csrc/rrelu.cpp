// SPDX-License-Identifier: BSD-3-Clause
// rrelu, whose slope of negative numbers is random while training and kept in `noise` for the gradient.
#include <ATen/ops/empty_like.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/mul.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "devices.h"
#include "kernel.h"
#include "random.h"
#include "tensors.h"

namespace npu::ops {
namespace {

constexpr DtypeSet kTaken = dtypes("bhf");

at::Tensor& rrelu_out(const at::Tensor& self, at::Tensor& noise, const c10::Scalar& lower,
                      const c10::Scalar& upper, bool training, std::optional<at::Generator> generator,
                      at::Tensor& out) {
  c10::DeviceGuard guard(common_device("rrelu_with_noise", false, self, noise, out));
  check_dtype("rrelu_with_noise", self, kTaken);
  if (!training) return at::leaky_relu_out(out, self, (lower.toDouble() + upper.toDouble()) / 2);
  TORCH_CHECK(self.sizes() == noise.sizes(),
              "noise tensor shape must match self tensor shape. Got self.shape = ", self.sizes(),
              " noise.shape = ", noise.sizes());
  TORCH_CHECK(noise.scalar_type() == self.scalar_type(), "rrelu_with_noise: noise is ", noise.scalar_type(),
              ", self ", self.scalar_type(), "; one dtype is needed");
  resize_out(out, self.sizes(), {}, self.options());
  if (self.numel() == 0) return out;
  const Philox drawn = draw(std::move(generator), self.device(), self.numel());
  if (C10_LIKELY(!drawn.captured())) {
    launch<aclnnRReluWithNoise>(self, noise, lower, upper, training, drawn.seed, drawn.offset, out);
    return out;
  }
  // CANN has no captured form.
  launch<aclnnInplaceUniformTensor>(noise, lower.toDouble(), upper.toDouble(), drawn.seed_tensor,
                                    drawn.offset_tensor, drawn.offset);
  noise.masked_fill_(self.gt(0), 1);
  return at::mul_out(out, self, noise);
}

at::Tensor rrelu(const at::Tensor& self, at::Tensor& noise, const c10::Scalar& lower,
                 const c10::Scalar& upper, bool training, std::optional<at::Generator> generator) {
  at::Tensor out = at::empty_like(self);
  return rrelu_out(self, noise, lower, upper, training, std::move(generator), out);
}

at::Tensor& rrelu_(at::Tensor& self, at::Tensor& noise, const c10::Scalar& lower, const c10::Scalar& upper,
                   bool training, std::optional<at::Generator> generator) {
  return rrelu_out(self, noise, lower, upper, training, std::move(generator), self);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"rrelu_with_noise", rrelu>(m);
  impl<"rrelu_with_noise_", rrelu_>(m);
  impl<"rrelu_with_noise.out", rrelu_out>(m);
}

}  // namespace npu::ops
