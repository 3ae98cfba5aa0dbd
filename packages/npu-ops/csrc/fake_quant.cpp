// SPDX-License-Identifier: BSD-3-Clause
// Fake quantisation: numbers rounded to those that a few bits stand for, and which of them were in range.
// Scales, zero points and switches are read on the device, so nothing waits for them; only the range of given
// zero points of channels is looked at on the host, as torch.cuda does.
#include <ATen/ops/aminmax.h>
#include <ATen/ops/isinf.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/DeviceGuard.h>

#include <limits>

#include "aclnn_ops.h"
#include "devices.h"
#include "dtypes.h"
#include "kernel.h"
#include "soc.h"
#include "tensors.h"

namespace npu::ops {
namespace {

using In = const at::Tensor&;
using Two = std::tuple<at::Tensor, at::Tensor>;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

void check_range(int64_t least, int64_t most) {
  TORCH_CHECK(least <= most, "`quant_min` should be less than or equal to `quant_max`.");
}

// The tensor's one number that counts, as a vector of one.
at::Tensor first(In t, c10::ScalarType dtype) { return cast(t.reshape({-1}).narrow(0, 0, 1), dtype); }

// Numbers of channels, as they broadcast over `t`; or one for all.
at::Tensor over(In numbers, In t, std::optional<int64_t> axis) {
  if (!axis) return numbers.reshape({});
  at::DimVector sizes(t.sizes().size(), 1);
  sizes[static_cast<size_t>(*axis)] = -1;
  return numbers.view(sizes);
}

// In float32, since CANN reads the scale in the dtype of the numbers. Zero points are int32.
Two in_float(const char* op, In self, In scale, In zero, std::optional<int64_t> axis, int64_t least,
             int64_t most) {
  check_range(least, most);
  check_dtype(op, self, dtypes("fhb"));
  check_soc(op, "quantises no numbers");
  check_soc(op, "quantises no numbers", {"Ascend950"});
  const at::Tensor out = empty_as(self, at::kFloat), mask = empty_as(self, at::kBool);
  const at::Tensor x = cast(self, at::kFloat);
  if (x.numel() == 0) return {out, mask};
  if (axis)
    launch<aclnnFakeQuantPerChannelAffineCachemask>(x, scale, zero, *axis, least, most, out, mask);
  else
    launch<aclnnFakeQuantPerTensorAffineCachemask>(x, scale, zero, 1.0F, least, most, out, mask);
  return {out, mask};
}

// In the dtype of `like`, and the order in memory of `t`.
at::Tensor as_given(In t, In like) {
  if (t.scalar_type() == like.scalar_type()) return t;
  at::Tensor r = empty_as(t, like.scalar_type());
  device_copy(r, t);
  return r;
}

Two fake(const char* op, In self, In scale, In zero, std::optional<int64_t> axis, int64_t least,
         int64_t most) {
  auto [out, mask] = in_float(op, self, scale, zero, axis, least, most);
  return {as_given(out, self), mask};
}

// What is computed where `on`, which is one number, is not 0; else `self`, all of it in range.
Two switched(In on, In self, const Two& found) {
  const at::Tensor is_on = on.reshape({-1}).select(0, 0).ne(0);
  return {at::where(is_on, std::get<0>(found), self), std::get<1>(found).logical_or(is_on.logical_not())};
}

Two per_tensor(In self, double scale, int64_t zero, int64_t least, int64_t most) {
  c10::DeviceGuard guard(self.device());
  check_range(least, most);
  TORCH_CHECK(zero >= least && zero <= most, "`zero_point` must be between `quant_min` and `quant_max`.");
  const at::Tensor scales = empty({1}, at::kFloat), zeros = empty({1}, at::kInt);
  fill_value(scales, scale);
  fill_value(zeros, zero);
  return fake("fake_quantize_per_tensor_affine", self, scales, zeros, {}, least, most);
}

Two per_tensor_switched(In self, In scale, In zero, In on, int64_t least, int64_t most) {
  static constexpr const char* op = "fake_quantize_per_tensor_affine";
  c10::DeviceGuard guard(common_device(op, false, self, scale, zero, on));
  return switched(on, self, fake(op, self, first(scale, at::kFloat), first(zero, at::kInt), {}, least, most));
}

void check_channels(In self, In scale, In zero, int64_t axis) {
  TORCH_CHECK(scale.scalar_type() == at::kFloat || scale.scalar_type() == at::kBFloat16,
              "Scale must be Float or BFloat16, found ", scale.scalar_type());
  const auto type = zero.scalar_type();
  TORCH_CHECK(type == at::kInt || type == at::kFloat || type == at::kHalf,
              "Zero-point must be Int32, Float or Half, found ", type);
  TORCH_CHECK(scale.dim() == 1, "scale should be a 1-D tensor");
  TORCH_CHECK(zero.dim() == 1, "zero point should be a 1-D tensor");
  TORCH_CHECK(scale.numel() == zero.numel(), "scale and zero-point need to have the same dimensions");
  TORCH_CHECK(scale.numel() == self.size(axis),
              "dimensions of scale and zero-point are not consistent with input tensor");
  TORCH_CHECK(axis >= 0, "`axis` must be between 0 and number of dimensions of input");
}

// Rounded with their zero points, which need not be integers. In float32.
Two rounded_together(In self, In step, In zero, int64_t least, int64_t most) {
  const at::Tensor point = cast(zero, at::kFloat);
  const at::Tensor place = at::mul(self.to(at::kFloat), at::reciprocal(step)).add_(point).round_();
  const at::Tensor mask = place.ge(least).logical_and_(place.le(most));
  return {place.clamp(least, most).sub_(point).mul_(step), mask};
}

Two per_channel(In self, In scale, In zero, int64_t axis, int64_t least, int64_t most) {
  static constexpr const char* op = "fake_quantize_per_channel_affine";
  c10::DeviceGuard guard(common_device(op, false, self, scale, zero));
  check_channels(self, scale, zero, axis);
  check_range(least, most);
  const at::Tensor scales = cast(scale, at::kFloat);
  if (!zero.is_floating_point()) {
    if (zero.numel()) {
      const auto [low, high] = at::aminmax(zero);
      TORCH_CHECK(low.item<int64_t>() >= least && high.item<int64_t>() <= most,
                  "`zero_point` must be between `quant_min` and `quant_max`.");
    }
    return fake(op, self, scales, zero, axis, least, most);
  }
  check_dtype(op, self, dtypes("fhb"));
  const auto [out, mask] =
      rounded_together(self, over(scales, self, axis), over(zero, self, axis), least, most);
  return {as_given(out, self), mask};
}

// Learnt zero points are numbers; they are rounded to the nearest integer in range.
at::Tensor nearest(In zero, int64_t least, int64_t most) {
  return zero.round().clamp_(least, most).to(at::kInt);
}

at::Tensor learnt_per_tensor(In self, In scale, In zero, int64_t least, int64_t most, double) {
  static constexpr const char* op = "_fake_quantize_learnable_per_tensor_affine";
  c10::DeviceGuard guard(common_device(op, false, self, scale, zero));
  check_range(least, most);
  const at::Tensor point = nearest(first(zero, at::kFloat), least, most);
  return std::get<0>(fake(op, self, first(scale, at::kFloat), point, {}, least, most));
}
at::Tensor learnt_per_channel(In self, In scale, In zero, int64_t axis, int64_t least, int64_t most, double) {
  static constexpr const char* op = "_fake_quantize_learnable_per_channel_affine";
  c10::DeviceGuard guard(common_device(op, false, self, scale, zero));
  check_channels(self, scale, zero, axis);
  check_range(least, most);
  return std::get<0>(fake(op, self, cast(scale, at::kFloat), nearest(zero, least, most), axis, least, most));
}

// In range, a number's error grows with the scale; out of range its bound does, and moves with the zero.
Three gradients(const char* op, In grad, In self, In scale, In zero, std::optional<int64_t> axis,
                int64_t least, int64_t most, double factor) {
  TORCH_CHECK(grad.sizes() == self.sizes(), "`X` and `dY` are not the same size");
  check_dtype(op, self, dtypes("fhb"));
  auto [y, mask] = rounded_together(self, over(scale, self, axis), over(zero, self, axis), least, most);
  const at::Tensor g = grad.to(at::kFloat), x = self.to(at::kFloat);
  const at::Tensor nothing = at::zeros_like(scale).reshape({-1}).select(0, 0);
  at::DimVector rest;
  for (int64_t d = 0; d < self.dim(); ++d)
    if (!axis || d != *axis) rest.push_back(d);
  auto summed = [&](In t) {
    return rest.empty() ? t.reshape(scale.sizes()) : t.sum(rest).reshape(scale.sizes());
  };
  at::Tensor by_scale = summed(y.sub(at::where(mask, x, nothing)).mul_(g)).div(scale).mul_(factor);
  at::Tensor by_zero = summed(at::where(mask, nothing, g)).mul(scale).mul_(-factor);
  return {as_given(at::where(mask, g, nothing), self), by_scale, by_zero};
}

Three learnt_per_tensor_backward(In grad, In self, In scale, In zero, int64_t least, int64_t most,
                                 double factor) {
  static constexpr const char* op = "_fake_quantize_learnable_per_tensor_affine_backward";
  c10::DeviceGuard guard(common_device(op, false, grad, self, scale, zero));
  if (self.numel() == 0) return {self, scale, zero};
  // torch cuts the fraction off here, where it rounds elsewhere.
  const at::Tensor point = first(zero, at::kFloat).add(0.5).clamp_(least, most).trunc_();
  return gradients(op, grad, self, first(scale, at::kFloat), point, {}, least, most, factor);
}
Three learnt_per_channel_backward(In grad, In self, In scale, In zero, int64_t axis, int64_t least,
                                  int64_t most, double factor) {
  static constexpr const char* op = "_fake_quantize_learnable_per_channel_affine_backward";
  c10::DeviceGuard guard(common_device(op, false, grad, self, scale, zero));
  if (self.numel() == 0) return {self, scale, zero};
  check_channels(self, scale, zero, axis);
  return gradients(op, grad, self, cast(scale, at::kFloat), nearest(zero, least, most), axis, least, most,
                   factor);
}

// The scale and the zero point of a range of numbers, which is made to hold 0. In float64, as torch has it: a
// zero point in the middle between two integers goes to the same one. Symmetric ranges have theirs in the
// middle of the integers.
Two parameters(In low, In high, int64_t least, int64_t most, bool symmetric) {
  const auto steps = static_cast<double>(most - least);
  const int64_t half = (most - least) / 2;
  at::Tensor from = low.to(at::kDouble).clamp_max_(0), to = high.to(at::kDouble).clamp_min_(0), both;
  if (symmetric) {
    both = from.lt(0).logical_and_(to.gt(0));
    const at::Tensor wider =
        at::maximum(from.div(-static_cast<double>(half + 1)), to.div(half ? static_cast<double>(half) : 1.0));
    auto rounded = [](const at::Tensor& t) { return t.to(at::kFloat).to(at::kDouble); };
    from = at::where(both, rounded(wider.mul(-(half + 1))), from);
    to = at::where(both, rounded(wider.mul(half)), to);
  }
  at::Tensor scale = to.sub(from).div_(steps).to(at::kFloat);
  scale.masked_fill_(at::isinf(at::reciprocal(scale)), 0.1);
  // Counted from the end of the range that gives the smaller error.
  const at::Tensor step = scale.to(at::kDouble), below = from.div(step).neg_(), above = to.div(step);
  const at::Tensor nearer = below.add(std::abs(least)).lt(above.add(std::abs(most)));
  at::Tensor zero = at::where(nearer, below.add(least), above.neg().add_(most));
  if (symmetric) zero.masked_fill_(both, static_cast<double>(least + most) / 2);
  return {scale, zero.round_().clamp_(least, most).to(at::kInt)};
}

// `running` as `seen` moves it, where `on`: all the way if it has seen nothing.
void move(at::Tensor& running, In seen, In on, double share) {
  const at::Tensor before = running.reshape(seen.sizes());
  const at::Tensor moved = before.add(seen.sub(before), share);
  running.copy_(at::where(on, at::where(at::isinf(before), seen, moved), before).reshape(running.sizes()));
}

Two observed(In self, In observing, In quantising, at::Tensor& low, at::Tensor& high, at::Tensor& scale,
             at::Tensor& zero, double share, int64_t least, int64_t most, int64_t axis, bool per_row,
             bool symmetric) {
  static constexpr const char* op = "fused_moving_avg_obs_fake_quant";
  c10::DeviceGuard guard(common_device(op, false, self, observing, quantising, low, high, scale, zero));
  TORCH_CHECK(!per_row || axis == 0, "Per-channel FakeQuant in ", op, " is only supported on axis == 0");
  TORCH_CHECK(self.scalar_type() == at::kFloat, "expected scalar type Float but found ", self.scalar_type());
  if (per_row && low.numel() == 0) {
    const int64_t rows = self.size(0);
    low.resize_({rows}).fill_(std::numeric_limits<double>::infinity());
    high.resize_({rows}).fill_(-std::numeric_limits<double>::infinity());
    scale.resize_({rows}).fill_(1);
    zero.resize_({rows}).fill_(0);
  }
  const auto [least_seen, most_seen] =
      per_row ? at::aminmax(self.reshape({self.size(0), -1}), 1) : at::aminmax(self);
  const at::Tensor observes = observing.reshape({-1}).select(0, 0).ne(0);
  move(low, least_seen, observes, share);
  move(high, most_seen, observes, share);
  const auto [new_scale, new_zero] = parameters(low, high, least, most, symmetric);
  const at::Tensor quantises = quantising.reshape({-1}).select(0, 0).ne(0);
  scale.copy_(at::where(quantises, new_scale.reshape(scale.sizes()), scale));
  zero.copy_(at::where(quantises, new_zero.reshape(zero.sizes()), zero));
  const auto rows = per_row ? std::optional(axis) : std::nullopt;
  const at::Tensor step = per_row ? cast(scale, at::kFloat) : first(scale, at::kFloat);
  const at::Tensor point = per_row ? cast(zero, at::kInt) : first(zero, at::kInt);
  return switched(quantising, self, fake(op, self, step, point, rows, least, most));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"fake_quantize_per_tensor_affine_cachemask", per_tensor>(m);
  impl<"_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", per_tensor_switched>(m);
  impl<"fake_quantize_per_channel_affine_cachemask", per_channel>(m);
  impl<"_fake_quantize_learnable_per_tensor_affine", learnt_per_tensor>(m);
  impl<"_fake_quantize_learnable_per_tensor_affine_backward", learnt_per_tensor_backward>(m);
  impl<"_fake_quantize_learnable_per_channel_affine", learnt_per_channel>(m);
  impl<"_fake_quantize_learnable_per_channel_affine_backward", learnt_per_channel_backward>(m);
  impl<"_fused_moving_avg_obs_fq_helper", observed>(m);
}

}  // namespace npu::ops
