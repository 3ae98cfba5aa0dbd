// SPDX-License-Identifier: BSD-3-Clause
// Distributions that CANN does not draw from: functions of its uniform numbers, which may be 0 but not 1.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "call.h"
#include "kernel.h"

namespace npu::ops {
namespace {

// `t`, or a float32 tensor to draw in where `t` has too few values for a smooth distribution.
at::Tensor wide(const at::Tensor& t) {
  const bool fine = t.scalar_type() == at::kFloat || t.scalar_type() == at::kDouble;
  return fine ? t : empty(t.sizes(), at::kFloat);
}

at::Tensor& exponential_(at::Tensor& self, double lambd, std::optional<at::Generator> generator) {
  TORCH_CHECK(lambd > 0.0, "exponential_ expects lambda > 0.0, but found lambda=", lambd);
  c10::DeviceGuard guard(self.device());
  at::Tensor drawn = wide(self);
  const double eps = self.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                       : std::numeric_limits<float>::epsilon();
  // Never 0, of which a division or a logarithm makes infinities.
  drawn.uniform_(0, 1, std::move(generator)).neg_().log1p_().mul_(-1 / lambd).clamp_min_(eps / 2 / lambd);
  return drawn.is_same(self) ? self : self.copy_(drawn);
}

// Cauchy numbers are tangents of angles, of which 0 and pi/2 make infinities
// that are as rare as the uniform numbers they come from.
at::Tensor& cauchy_(at::Tensor& self, double median, double sigma, std::optional<at::Generator> generator) {
  TORCH_CHECK(sigma > 0.0, "cauchy_ expects sigma > 0.0, but found sigma=", sigma);
  TORCH_CHECK(self.is_floating_point(),
              "Cauchy distribution is a continuous probability distribution. "
              "dtype must be a floating point but you "
              "specified ",
              self.dtype());
  c10::DeviceGuard guard(self.device());
  at::Tensor drawn = wide(self);
  drawn.uniform_(-0.5, 0.5, std::move(generator)).mul_(std::numbers::pi).tan_().mul_(sigma).add_(median);
  return drawn.is_same(self) ? self : self.copy_(drawn);
}

at::Tensor& log_normal_(at::Tensor& self, double mean, double std, std::optional<at::Generator> generator) {
  TORCH_CHECK(std > 0.0, "log_normal_ expects std > 0.0, but found std=", std);
  return self.normal_(mean, std, std::move(generator)).exp_();
}

// The number of trials up to the first success: the exponential number of a
// continuous clock, rounded up.
at::Tensor& geometric_(at::Tensor& self, double p, std::optional<at::Generator> generator) {
  TORCH_CHECK(0 < p && p < 1, "geometric_ expects p to be in (0, 1), but got p=", p);
  c10::DeviceGuard guard(self.device());
  at::Tensor drawn = wide(self);
  drawn.uniform_(0, 1, std::move(generator)).neg_().log1p_().mul_(1 / std::log1p(-p)).ceil_().clamp_min_(1);
  return drawn.is_same(self) ? self : self.copy_(drawn);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"exponential_", exponential_>(m);
  impl<"cauchy_", cauchy_>(m);
  impl<"log_normal_", log_normal_>(m);
  impl<"geometric_", geometric_>(m);
}

}  // namespace npu::ops
