// SPDX-License-Identifier: BSD-3-Clause
// Running logarithms of sums of exponentials. CANN has no such scan: each step adds to every place what
// stands twice as far before it as in the last step, so n places take log2(n) steps.
#include <ATen/ops/full.h>
#include <ATen/ops/logaddexp.h>
#include <c10/core/DeviceGuard.h>

#include <bit>
#include <limits>

#include "call.h"
#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

// One place after the other, as the CPU does it: `x` and `out` are float32 with the scanned dimension last.
void in_turn(const at::Tensor& x, const at::Tensor& out) {
  at::Tensor sum = out.select(-1, 0);
  sum.copy_(x.select(-1, 0));
  for (int64_t i = 1; i < x.size(-1); ++i) {
    at::Tensor next = out.select(-1, i);
    at::logaddexp_out(next, sum, x.select(-1, i));
    sum = next;
  }
}

void by_doubling(const at::Tensor& x, const at::Tensor& out) {
  constexpr double none = -std::numeric_limits<double>::infinity();
  const int64_t n = x.size(-1);
  // Before the first place stand logarithms of zero, as many as the longest step wants.
  const auto before = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(n - 1)));
  at::DimVector sizes(x.sizes());
  sizes.back() = before + n;
  at::Tensor now = at::full(sizes, none, x.options()), then = at::full(sizes, none, x.options());
  now.narrow(-1, before, n).copy_(x);
  for (int64_t step = 1; step < n; step *= 2) {
    at::Tensor next = then.narrow(-1, before, n);
    at::logaddexp_out(next, now.narrow(-1, before, n), now.narrow(-1, before - step, n));
    std::swap(now, then);
  }
  device_copy(out, now.narrow(-1, before, n));
}

at::Tensor logcumsumexp(const at::Tensor& self, int64_t dim) {
  constexpr int64_t few = 16;
  c10::DeviceGuard guard(self.device());
  const int64_t d = wrap_dim(dim, self);
  check_dtype("logcumsumexp", self, dtypes("fhb"));
  if (self.numel() == 0 || self.dim() == 0) return self.clone();
  const at::Tensor x = cast(self, at::kFloat).movedim(d, -1);
  const at::Tensor out = empty(self.sizes(), at::kFloat);
  (x.size(-1) <= few ? in_turn : by_doubling)(x, out.movedim(d, -1));
  return cast(out, self.scalar_type());
}

at::Tensor& logcumsumexp_out(const at::Tensor& self, int64_t dim, at::Tensor& out) {
  return give(out, logcumsumexp(self, dim));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_logcumsumexp", logcumsumexp>(m);
  impl<"_logcumsumexp.out", logcumsumexp_out>(m);
}

}  // namespace npu::ops
