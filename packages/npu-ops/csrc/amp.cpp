// SPDX-License-Identifier: BSD-3-Clause
// What torch.amp.GradScaler does to gradients and to its scale. Nothing here waits for the device.
#include <ATen/ops/isfinite.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/where.h>

#include "aclnn_ops.h"
#include "devices.h"
#include "foreach.h"
#include "kernel.h"

namespace npu::ops {
namespace {

void expect_number(const at::Tensor& t, const char* name, c10::ScalarType dtype) {
  TORCH_CHECK(t.numel() == 1 && t.scalar_type() == dtype, name, " must be a ", dtype,
              " tensor of one element, got ", t.scalar_type(), " ", t.sizes());
}

void unscale(at::TensorList grads, at::Tensor& found_inf, const at::Tensor& inv_scale) {
  if (grads.empty()) return;
  expect_number(inv_scale, "inv_scale", at::kFloat);
  expect_number(found_inf, "found_inf", at::kFloat);
  common_device("_amp_foreach_non_finite_check_and_unscale_", false, grads, found_inf, inv_scale);
  if (foreach::fast_route(dtypes("fhb"), {grads}, {}))
    return foreach::in_parts(grads, 1, [&](auto cut) {
      launch<aclnnForeachNonFiniteCheckAndUnscale>(cut(grads), found_inf, inv_scale);
    });
  for (const at::Tensor& g : grads) {
    found_inf.masked_fill_(at::isfinite(g).all().logical_not_(), 1);
    g.mul_(inv_scale);
  }
}

// The scale shrinks after a step with a gradient that is not finite; it grows after `interval` steps without,
// unless it would then not be finite itself.
at::Tensor& update_scale(at::Tensor& scale, at::Tensor& growth_tracker, const at::Tensor& found_inf,
                         double growth, double backoff, int64_t interval) {
  expect_number(growth_tracker, "growth_tracker", at::kInt);
  expect_number(scale, "current_scale", at::kFloat);
  expect_number(found_inf, "found_inf", at::kFloat);
  c10::DeviceGuard guard(common_device("_amp_update_scale_", false, scale, growth_tracker, found_inf));
  const at::Tensor found = found_inf.ne(0), steps = growth_tracker.add(1), due = steps.eq(interval);
  const at::Tensor grown = scale.mul(growth);
  const at::Tensor larger = at::where(at::isfinite(grown).logical_and_(due), grown, scale);
  growth_tracker.copy_(steps.masked_fill_(at::logical_or(found, due), 0));
  scale.copy_(at::where(found, scale.mul(backoff), larger));
  return scale;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_amp_foreach_non_finite_check_and_unscale_", unscale>(m);
  impl<"_amp_update_scale_", update_scale>(m);
}

}  // namespace npu::ops
