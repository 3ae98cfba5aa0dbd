// SPDX-License-Identifier: BSD-3-Clause
// Tangents of gated linear units, a s(b) of the halves a and b of x along a dimension, where s is sigmoid.
#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>
#include <c10/core/DeviceGuard.h>

#include "devices.h"
#include "kernel.h"

namespace npu::ops {
namespace {

struct Halves {
  at::Tensor a, b;
  Halves(const at::Tensor& t, int64_t dim)
      : a(t.narrow(dim, 0, t.size(dim) / 2)), b(t.narrow(dim, t.size(dim) / 2, t.size(dim) / 2)) {}
};

at::Tensor tangent(const at::Tensor& glu, const at::Tensor& x, const at::Tensor& dx, int64_t dim) {
  c10::DeviceGuard guard(common_device("glu_jvp", false, glu, x, dx));
  const Halves d(dx, dim);
  const at::Tensor gate = at::sigmoid(Halves(x, dim).b);
  return d.a.mul(gate).add_(glu.sub(glu.mul(gate)).mul_(d.b));
}

// Of the gradients g s and g a s (1 - s), for a gradient g of the result.
at::Tensor gradient_tangent(const at::Tensor&, const at::Tensor& g, const at::Tensor& x, const at::Tensor& dg,
                            const at::Tensor& dx, int64_t dim) {
  c10::DeviceGuard guard(common_device("glu_backward_jvp", false, g, x, dg, dx));
  const Halves v(x, dim), d(dx, dim);
  const at::Tensor gate = at::sigmoid(v.b), slope = gate.sub(gate.mul(gate));
  const at::Tensor bend = g.mul(slope).mul_(d.b);
  const at::Tensor first = dg.mul(gate).add_(bend);
  const at::Tensor second =
      dg.mul(v.a).add_(g.mul(d.a)).mul_(slope).add_(bend.mul(v.a).mul_(gate.mul(-2).add_(1)));
  return at::cat({first, second}, dim);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"glu_jvp", tangent>(m);
  impl<"glu_backward_jvp", gradient_tangent>(m);
}

}  // namespace npu::ops
