// SPDX-License-Identifier: BSD-3-Clause
// Quantised tensors: integers that stand for real numbers by a scale and a zero point, which PyTorch keeps on
// the host, or a tensor of them along one dimension. What only moves them about is PyTorch's own, see
// codegen/sparse.py.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/native/quantized/cpu/QuantUtils.h>
#include <ATen/ops/dequantize.h>
#include <ATen/ops/q_per_channel_scales.h>
#include <ATen/ops/q_per_channel_zero_points.h>
#include <ATen/ops/quantize_per_tensor.h>
#include <ATen/quantized/Quantizer.h>
#include <c10/core/DeviceGuard.h>

#include "devices.h"
#include "kernel.h"
#include "tensors.h"

namespace npu::ops {
namespace {

// The integers of a quantised tensor, in its memory.
at::Tensor integers(const at::Tensor& t) {
  const auto keys = c10::DispatchKeySet(t.is_cpu() ? c10::DispatchKey::CPU : c10::DispatchKey::PrivateUse1);
  TORCH_CHECK(t.scalar_type() != at::kQUInt4x2 && t.scalar_type() != at::kQUInt2x4,
              "quantised tensors on npu have 8 or 32 bits, found ", t.scalar_type());
  const auto dtype = c10::scalarTypeToTypeMeta(c10::toUnderlying(t.scalar_type()));
  at::Tensor r = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(t.storage()), keys, dtype);
  r.unsafeGetTensorImpl()->set_storage_offset(t.storage_offset());
  r.unsafeGetTensorImpl()->set_sizes_and_strides(t.sizes(), t.strides());
  return r;
}

// The largest and smallest integers of a dtype; of 32 bits those that float32 holds.
std::pair<double, double> range(c10::ScalarType dtype) {
  if (dtype == at::kQInt8) return {-128, 127};
  if (dtype == at::kQUInt8) return {0, 255};
  TORCH_CHECK(dtype == at::kQInt32, "quantize: expected qint8, quint8 or qint32, found ", dtype);
  return {-2147483648.0, 2147483520.0};
}

// Numbers of one for each place along `axis`, as float32 that broadcasts over `t`.
at::Tensor along(const at::Tensor& numbers, const at::Tensor& t, int64_t axis) {
  c10::DimVector sizes(t.sizes().size(), 1);
  sizes[static_cast<size_t>(axis)] = -1;
  return numbers.to(t.device(), at::kFloat).view(sizes);
}

// RuntimeError, as torch words it, for a zero point that the dtype does not hold.
void check_zero(const char* op, int64_t zero, c10::ScalarType dtype) {
  const auto [least, most] = range(dtype);
  TORCH_CHECK(static_cast<double>(zero) <= (dtype == at::kQInt32 ? 2147483647.0 : most), op, " zero_point ",
              zero, " is above upper bound.");
  TORCH_CHECK(static_cast<double>(zero) >= least, op, " zero_point ", zero, " is below lower bound.");
}

void check_float(const at::Tensor& self) {
  TORCH_CHECK(self.scalar_type() == at::kFloat, "Quantize only works on Float Tensor, got ",
              self.scalar_type());
}

// new_qtensor takes its memory from the current device.
at::Tensor made(const at::Tensor& like, c10::ScalarType dtype, const at::QuantizerPtr& quantizer) {
  c10::DeviceGuard guard(like.device());
  return at::new_qtensor(like.sizes(),
                         like.options().dtype(dtype).memory_format(like.suggest_memory_format()), quantizer);
}

at::Tensor per_tensor(const at::Tensor& self, double scale, int64_t zero, c10::ScalarType dtype) {
  c10::DeviceGuard guard(self.device());
  check_float(self);
  const auto [least, most] = range(dtype);
  check_zero("quantize_tensor_per_tensor_affine", zero, dtype);
  at::Tensor r = made(self, dtype, at::make_per_tensor_affine_quantizer(scale, zero, dtype));
  integers(r).copy_(self.mul(1 / scale).round_().add_(zero).clamp_(least, most));
  return r;
}

at::Tensor per_tensor_of_tensors(const at::Tensor& self, const at::Tensor& scale, const at::Tensor& zero,
                                 c10::ScalarType dtype) {
  return at::quantize_per_tensor(self, scale.item().toDouble(), zero.item().toLong(), dtype);
}

std::vector<at::Tensor> list_per_tensor(at::TensorList tensors, const at::Tensor& scales,
                                        const at::Tensor& zeros, c10::ScalarType dtype) {
  std::vector<at::Tensor> r;
  const at::Tensor s = scales.cpu(), z = zeros.cpu();
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    r.push_back(per_tensor_of_tensors(tensors[i], s[at], z[at], dtype));
  }
  return r;
}

// The scale and zero point that the numbers themselves ask for; waits for them.
at::Tensor per_tensor_dynamic(const at::Tensor& self, c10::ScalarType dtype, bool reduce_range) {
  TORCH_CHECK(dtype == at::kQInt8 || dtype == at::kQUInt8, "dtype ", dtype,
              " not supported: quantize_per_tensor_dynamic gives qint8 or quint8");
  const auto [least, most] = range(dtype);
  const float low = self.numel() ? self.min().item<float>() : 0;
  const float high = self.numel() ? self.max().item<float>() : 0;
  const auto chosen = quant_utils::ChooseQuantizationParams(low, high, static_cast<int32_t>(least),
                                                            static_cast<int32_t>(most), false, false,
                                                            reduce_range && dtype == at::kQUInt8);
  return at::quantize_per_tensor(self, chosen.scale, chosen.zero_point, dtype);
}

at::Tensor per_channel(const at::Tensor& self, const at::Tensor& scales, const at::Tensor& zeros,
                       int64_t axis, c10::ScalarType dtype) {
  c10::DeviceGuard guard(self.device());
  check_float(self);
  TORCH_CHECK(
      axis >= 0 && axis < self.dim() && scales.numel() == self.size(axis) && zeros.numel() == scales.numel(),
      "quantize_per_channel: expected a scale and a zero point for each place along dimension ", axis, " of ",
      self.sizes(), ", found ", scales.sizes(), " and ", zeros.sizes());
  const auto [least, most] = range(dtype);
  at::Tensor r = made(self, dtype, at::make_per_channel_affine_quantizer(scales, zeros, axis, dtype));
  at::Tensor scaled = self.div(along(scales, self, axis));
  if (zeros.is_floating_point()) {  // which need not be integers, and are rounded with the numbers
    scaled.add_(along(zeros, self, axis)).round_();
  } else {
    const at::Tensor points = zeros.to(at::kCPU, at::kLong).contiguous();
    for (int64_t i = 0; i < points.numel(); ++i)
      check_zero("quantize_tensor_per_channel_affine", points.const_data_ptr<int64_t>()[i], dtype);
    scaled.round_().add_(along(zeros, self, axis));
  }
  integers(r).copy_(scaled.clamp_(least, most));
  return r;
}

at::Tensor int_repr(const at::Tensor& self) { return integers(self).clone(); }

at::Tensor numbers_of(const at::Tensor& self) {
  c10::DeviceGuard guard(self.device());
  at::Tensor numbers = integers(self).to(at::kFloat);
  if (self.qscheme() == at::kPerTensorAffine || self.qscheme() == at::kPerTensorSymmetric)
    return numbers.sub_(self.q_zero_point()).mul_(self.q_scale());
  const int64_t axis = self.q_per_channel_axis();
  return numbers.sub_(along(at::q_per_channel_zero_points(self), numbers, axis))
      .mul_(along(at::q_per_channel_scales(self), numbers, axis));
}

at::Tensor no_quantised(const at::Tensor& self) { return self.to(at::kFloat); }

std::vector<at::Tensor> dequantize_list(at::TensorList tensors) {
  std::vector<at::Tensor> r;
  for (const at::Tensor& t : tensors) r.push_back(at::dequantize(t));
  return r;
}

at::Tensor of_integers(const at::Tensor& self, double scale, int64_t zero) {
  const auto dtype = c10::toQIntType(self.scalar_type());
  at::Tensor r = made(self, dtype, at::make_per_tensor_affine_quantizer(scale, zero, dtype));
  integers(r).copy_(self);
  return r;
}
at::Tensor of_integers_per_channel(const at::Tensor& self, const at::Tensor& scales, const at::Tensor& zeros,
                                   int64_t axis) {
  const auto dtype = c10::toQIntType(self.scalar_type());
  at::Tensor r = made(self, dtype, at::make_per_channel_affine_quantizer(scales, zeros, axis, dtype));
  integers(r).copy_(self);
  return r;
}

at::Tensor flip(const at::Tensor& self, at::IntArrayRef dims) {
  at::Tensor r = made(self, self.scalar_type(), self.quantizer());
  integers(r).copy_(integers(self).flip(dims));
  return r;
}

// Between devices and within one; PyTorch has given both the same quantizer.
at::Tensor copy_from(const at::Tensor& self, const at::Tensor& dst, bool non_blocking) {
  TORCH_CHECK(
      dst.is_quantized(),
      "Copying from quantized Tensor to non-quantized Tensor is not allowed, please use dequantize to "
      "get a float Tensor from a quantized Tensor");
  if (!self.is_quantized()) {  // with the scale that `dst` has
    const bool one = dst.qscheme() == at::kPerTensorAffine;
    const at::Tensor there = self.to(dst.device(), at::kFloat).expand_as(dst);
    const at::Tensor made =
        one ? per_tensor(there, dst.q_scale(), dst.q_zero_point(), dst.scalar_type())
            : per_channel(there, at::q_per_channel_scales(dst), at::q_per_channel_zero_points(dst),
                          dst.q_per_channel_axis(), dst.scalar_type());
    integers(dst).copy_(integers(made));
    return dst;
  }
  integers(dst).copy_(integers(self), non_blocking);
  return dst;
}

template <bool relu>
at::Tensor add(at::Tensor a, at::Tensor b, double scale, int64_t zero) {  // NOLINT: torch's signature
  TORCH_CHECK(a.qscheme() == at::kPerTensorAffine && b.qscheme() == at::kPerTensorAffine,
              "quantized::add: only per tensor quantization is supported");
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), "quantized::add: expected tensors of one dtype, found ",
              a.scalar_type(), " and ", b.scalar_type());
  c10::DeviceGuard guard(common_device("quantized::add", false, a, b));
  at::Tensor sum = numbers_of(a).add(numbers_of(b));
  if constexpr (relu) sum.relu_();
  return per_tensor(sum, scale, zero, a.scalar_type());
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"quantize_per_tensor", per_tensor>(m);
  impl<"quantize_per_tensor.tensor_qparams", per_tensor_of_tensors>(m);
  impl<"quantize_per_tensor.tensors", list_per_tensor>(m);
  impl<"quantize_per_tensor_dynamic", per_tensor_dynamic>(m);
  impl<"quantize_per_channel", per_channel>(m);
  impl<"dequantize.self", no_quantised>(m);
  impl<"_make_per_tensor_quantized_tensor", of_integers>(m);
  impl<"_make_per_channel_quantized_tensor", of_integers_per_channel>(m);
}

TORCH_LIBRARY_IMPL(aten, QuantizedPrivateUse1, m) {
  impl<"int_repr", int_repr>(m);
  impl<"dequantize.self", numbers_of>(m);
  impl<"dequantize.tensors", dequantize_list>(m);
  impl<"flip", flip>(m);
  impl<"_copy_from", copy_from>(m);
}

TORCH_LIBRARY_IMPL(quantized, QuantizedPrivateUse1, m) {
  m.impl("add", TORCH_FN(add<false>));
  m.impl("add_relu", TORCH_FN(add<true>));
}

}  // namespace npu::ops
