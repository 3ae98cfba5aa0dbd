// SPDX-License-Identifier: BSD-3-Clause
// Pooling of volumes by maximum and to a given size, and the way back of maxima
// to where they were.
#include <ATen/Context.h>
#include <ATen/native/Pool.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"
#include "windows.h"

namespace npu::ops {
namespace {

using Ints = at::IntArrayRef;
using Two = std::tuple<at::Tensor, at::Tensor>;

constexpr DtypeSet kFloats = dtypes("fhb");

// Three numbers, where one stands for all and none for those of `otherwise`.
// RuntimeError naming `what`.
std::array<int64_t, 3> triple(const char* what, Ints v, Ints otherwise = {}) {
  if (v.empty()) v = otherwise;
  TORCH_CHECK(v.size() == 1 || v.size() == 3, what, " must either be a single int, or a tuple of three ints");
  return v.size() == 1 ? std::array<int64_t, 3>{v[0], v[0], v[0]} : std::array<int64_t, 3>{v[0], v[1], v[2]};
}

// `t` with its last sizes replaced.
Dims with_last(const at::Tensor& t, Ints size) {
  Dims s(t.sizes().begin(), t.sizes().end());
  std::copy(size.begin(), size.end(), s.end() - static_cast<int64_t>(size.size()));
  return s;
}

struct Window {
  std::array<int64_t, 3> kernel, stride, padding, dilation;
  Window(Ints k, Ints s, Ints p, Ints d)
      : kernel(triple("max_pool3d: kernel_size", k)),
        stride(triple("max_pool3d: stride", s, k)),
        padding(triple("max_pool3d: padding", p)),
        dilation(triple("max_pool3d: dilation", d)) {}
};

Two max_pool3d(const at::Tensor& self, Ints kernel, Ints stride, Ints padding, Ints dilation, bool ceil) {
  c10::DeviceGuard guard(self.device());
  const bool integers = c10::isIntegralType(self.scalar_type(), /*includeBool=*/false);
  if (!integers) check_dtype("max_pool3d", self, kFloats);
  const Window w(kernel, stride, padding, dilation);
  TORCH_CHECK(self.dim() == 4 || self.dim() == 5,
              "max_pool3d: expected a tensor of 4 or 5 dimensions, but got shape ", self.sizes());
  std::array<int64_t, 3> size;
  for (size_t i = 0; i < 3; ++i)
    size[i] = at::native::pooling_output_shape<int64_t>(self.size(static_cast<int64_t>(i) - 3), w.kernel[i],
                                                        w.padding[i], w.stride[i], w.dilation[i], ceil);
  at::native::pool3d_shape_check(
      self, self.size(-4), static_cast<int>(w.kernel[0]), static_cast<int>(w.kernel[1]),
      static_cast<int>(w.kernel[2]), static_cast<int>(w.stride[0]), static_cast<int>(w.stride[1]),
      static_cast<int>(w.stride[2]), static_cast<int>(w.padding[0]), static_cast<int>(w.padding[1]),
      static_cast<int>(w.padding[2]), static_cast<int>(w.dilation[0]), static_cast<int>(w.dilation[1]),
      static_cast<int>(w.dilation[2]), self.size(-3), self.size(-2), self.size(-1), size[0], size[1], size[2],
      "max_pool3d");
  if (integers) return largest_of_integers(self, size, w.kernel, w.stride, w.padding, w.dilation);
  const Dims s = with_last(self, size);
  const auto format = self.suggest_memory_format();
  at::Tensor out = empty(s, self.scalar_type(), {}, format), places = empty(s, at::kInt);
  at::Tensor indices = empty(s, at::kLong, {}, format);
  if (out.numel())
    launch<aclnnMaxPool3dWithArgmax>(self, w.kernel, w.stride, w.padding, w.dilation, ceil, out, places);
  device_copy(indices, places);
  return {out, indices};
}

std::tuple<at::Tensor&, at::Tensor&> max_pool3d_out(const at::Tensor& self, Ints kernel, Ints stride,
                                                    Ints padding, Ints dilation, bool ceil, at::Tensor& out,
                                                    at::Tensor& indices) {
  auto [o, i] = max_pool3d(self, kernel, stride, padding, dilation, ceil);
  c10::DeviceGuard guard(self.device());
  resize_out(out, o.sizes(), {}, o.options());
  resize_out(indices, i.sizes(), {}, i.options());
  device_copy(out, o);
  device_copy(indices, i);
  return {out, indices};
}

at::Tensor max_pool3d_backward(const at::Tensor& grad, const at::Tensor& self, Ints kernel, Ints stride,
                               Ints padding, Ints dilation, bool ceil, const at::Tensor& indices) {
  c10::DeviceGuard guard(common_device("max_pool3d_backward", false, grad, self, indices));
  check_dtype("max_pool3d_backward", self, kFloats);
  const Window w(kernel, stride, padding, dilation);
  at::Tensor out = empty(self.sizes(), self.scalar_type(), {}, self.suggest_memory_format());
  if (grad.numel() == 0) return out.zero_();
  launch<aclnnMaxPool3dWithArgmaxBackward>(grad, self, cast(indices, at::kInt), w.kernel, w.stride, w.padding,
                                           w.dilation, ceil, out);
  return out;
}

at::Tensor& max_pool3d_backward_out(const at::Tensor& grad, const at::Tensor& self, Ints kernel, Ints stride,
                                    Ints padding, Ints dilation, bool ceil, const at::Tensor& indices,
                                    at::Tensor& out) {
  at::Tensor r = max_pool3d_backward(grad, self, kernel, stride, padding, dilation, ceil, indices);
  c10::DeviceGuard guard(self.device());
  resize_out(out, r.sizes(), {}, r.options());
  device_copy(out, r);
  return out;
}

at::Tensor adaptive_avg_pool3d(const at::Tensor& self, Ints size) {
  c10::DeviceGuard guard(self.device());
  check_dtype("adaptive_avg_pool3d", self, kFloats);
  TORCH_CHECK(size.size() == 3, "adaptive_avg_pool3d: output_size must be 3");
  TORCH_CHECK(self.dim() == 4 || self.dim() == 5, "adaptive_avg_pool3d(): Expected 4D or 5D tensor, but got ",
              self.sizes());
  for (int64_t d = self.dim() - 3; d < self.dim(); ++d)
    TORCH_CHECK(self.size(d) > 0,
                "adaptive_avg_pool3d(): Expected input to have non-zero size "
                "for non-batch dimensions, but input has "
                "sizes ",
                self.sizes(), " with dimension ", d, " being empty");
  at::Tensor out = empty(with_last(self, size), self.scalar_type());
  if (out.numel()) launch<aclnnAdaptiveAvgPool3d>(self, size, out);
  return out;
}

at::Tensor& adaptive_avg_pool3d_out(const at::Tensor& self, Ints size, at::Tensor& out) {
  at::Tensor r = adaptive_avg_pool3d(self, size);
  c10::DeviceGuard guard(self.device());
  resize_out(out, r.sizes(), {}, r.options());
  device_copy(out, r);
  return out;
}

// CANN moves no bfloat16 here: it goes as integers of as many bits.
at::Tensor bits_of(const at::Tensor& t) { return t.scalar_type() == at::kBFloat16 ? as_integers(t) : t; }

// What unpooling to planes and to volumes has in common; `size` says which.
void check_unpool(const char* op, const at::Tensor& self, const at::Tensor& indices, Ints size, size_t dims) {
  check_dtype(op, self, dtypes("fhsilcudb"));
  TORCH_CHECK(indices.scalar_type() == at::kLong,
              "elements in indices should be type int64 but got: ", indices.scalar_type());
  TORCH_CHECK(size.size() == dims, "There should be exactly ", dims, " elements in output_size, but got ",
              size.size(), " elements.");
  const auto d = static_cast<int64_t>(dims);
  // Of repeated indices any may come last.
  at::globalContext().alertNotDeterministic(dims == 2 ? "max_unpooling2d_forward_out"
                                                      : "max_unpooling3d_forward_out");
  TORCH_CHECK(self.dim() == d + 1 || self.dim() == d + 2, "Input to ", op, " should be a ", d + 1, "d or ",
              d + 2, "d Tensor, but got a tensor with ", self.dim(), " dimensions.");
  TORCH_CHECK(self.sizes() == indices.sizes(),
              "Expected shape of indices to be same as that of the input tensor (", self.sizes(),
              ") but got indices tensor with shape: ", indices.sizes());
}

at::Tensor max_unpool2d(const at::Tensor& self, const at::Tensor& indices, Ints size) {
  c10::DeviceGuard guard(common_device("max_unpool2d", false, self, indices));
  check_unpool("max_unpool2d", self, indices, size, 2);
  at::Tensor out = empty(with_last(self, size), self.scalar_type());
  if (self.numel() == 0) return out.zero_();
  launch<aclnnMaxUnpool2d>(bits_of(self), indices, size, bits_of(out));
  return out;
}

at::Tensor max_unpool3d(const at::Tensor& self, const at::Tensor& indices, Ints size, Ints stride,
                        Ints padding) {
  c10::DeviceGuard guard(common_device("max_unpool3d", false, self, indices));
  check_unpool("max_unpool3d", self, indices, size, 3);
  TORCH_CHECK(stride.size() == 3 && padding.size() == 3,
              "There should be exactly 3 elements in stride and in padding");
  at::Tensor out = empty(with_last(self, size), self.scalar_type());
  if (self.numel() == 0) return out.zero_();
  launch<aclnnMaxUnpool3d>(bits_of(self), indices, size, stride, padding, bits_of(out));
  return out;
}

at::Tensor& max_unpool2d_out(const at::Tensor& self, const at::Tensor& indices, Ints size, at::Tensor& out) {
  at::Tensor r = max_unpool2d(self, indices, size);
  c10::DeviceGuard guard(self.device());
  resize_out(out, r.sizes(), {}, r.options());
  device_copy(out, r);
  return out;
}

at::Tensor& max_unpool3d_out(const at::Tensor& self, const at::Tensor& indices, Ints size, Ints stride,
                             Ints padding, at::Tensor& out) {
  at::Tensor r = max_unpool3d(self, indices, size, stride, padding);
  c10::DeviceGuard guard(self.device());
  resize_out(out, r.sizes(), {}, r.options());
  device_copy(out, r);
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"max_pool3d_with_indices", max_pool3d>(m);
  impl<"max_pool3d_with_indices.out", max_pool3d_out>(m);
  impl<"max_pool3d_with_indices_backward", max_pool3d_backward>(m);
  impl<"max_pool3d_with_indices_backward.grad_input", max_pool3d_backward_out>(m);
  impl<"_adaptive_avg_pool3d", adaptive_avg_pool3d>(m);
  impl<"adaptive_avg_pool3d.out", adaptive_avg_pool3d_out>(m);
  impl<"max_unpool2d", max_unpool2d>(m);
  impl<"max_unpool2d.out", max_unpool2d_out>(m);
  impl<"max_unpool3d", max_unpool3d>(m);
  impl<"max_unpool3d.out", max_unpool3d_out>(m);
}

}  // namespace npu::ops
