// SPDX-License-Identifier: BSD-3-Clause
// Convolutions under the names that PyTorch gave to its own algorithms. Every one is a convolution.
#include <ATen/core/Tensor.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>

#include "kernel.h"
#include "tensors.h"

namespace npu::ops {
namespace {

using Sizes = c10::SymIntArrayRef;
using MaybeBias = const std::optional<at::Tensor>&;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

at::Tensor convolved(const at::Tensor& self, const at::Tensor& weight, MaybeBias bias, Sizes stride,
                     Sizes padding, Sizes dilation, c10::SymInt groups = 1) {
  const c10::SymInt none = 0;
  return at::convolution_symint(self, weight, bias, stride, padding, dilation, /*transposed=*/false, none,
                                std::move(groups));
}

at::Tensor plain(const at::Tensor& self, const at::Tensor& weight, Sizes, MaybeBias bias, Sizes stride,
                 Sizes padding) {
  const c10::SymInt one = 1;
  return convolved(self, weight, bias, stride, padding, one);
}
at::Tensor& plain_out(const at::Tensor& self, const at::Tensor& weight, Sizes size, MaybeBias bias,
                      Sizes stride, Sizes padding, at::Tensor& out) {
  return give(out, plain(self, weight, size, bias, stride, padding));
}

at::Tensor dilated(const at::Tensor& self, const at::Tensor& weight, Sizes, MaybeBias bias, Sizes stride,
                   Sizes padding, Sizes dilation) {
  return convolved(self, weight, bias, stride, padding, dilation);
}

at::Tensor depthwise(const at::Tensor& self, const at::Tensor& weight, Sizes, MaybeBias bias, Sizes stride,
                     Sizes padding, Sizes dilation) {
  return convolved(self, weight, bias, stride, padding, dilation, self.sym_size(1));
}
at::Tensor& depthwise_out(const at::Tensor& self, const at::Tensor& weight, Sizes size, MaybeBias bias,
                          Sizes stride, Sizes padding, Sizes dilation, at::Tensor& out) {
  return give(out, depthwise(self, weight, size, bias, stride, padding, dilation));
}

at::Tensor transposed(const at::Tensor& self, const at::Tensor& weight, Sizes, MaybeBias bias, Sizes stride,
                      Sizes padding, Sizes output_padding, Sizes dilation) {
  return at::convolution_symint(self, weight, bias, stride, padding, dilation, /*transposed=*/true,
                                output_padding, 1);
}
at::Tensor& transposed_out(const at::Tensor& self, const at::Tensor& weight, Sizes size, MaybeBias bias,
                           Sizes stride, Sizes padding, Sizes output_padding, Sizes dilation,
                           at::Tensor& out) {
  return give(out, transposed(self, weight, size, bias, stride, padding, output_padding, dilation));
}

Three plain_backward(const at::Tensor& grad, const at::Tensor& self, const at::Tensor& weight, Sizes,
                     Sizes stride, Sizes padding, std::array<bool, 3> mask) {
  const c10::SymInt none = 0, one = 1;
  return at::convolution_backward_symint(grad, self, weight, c10::SymIntArrayRef{weight.sym_size(0)}, stride,
                                         padding, one, /*transposed=*/false, none, one, mask);
}
std::tuple<at::Tensor&, at::Tensor&, at::Tensor&> plain_backward_out(
    const at::Tensor& grad, const at::Tensor& self, const at::Tensor& weight, Sizes size, Sizes stride,
    Sizes padding, at::Tensor& of_input, at::Tensor& of_weight, at::Tensor& of_bias) {
  const auto [input, kernel, bias] =
      plain_backward(grad, self, weight, size, stride, padding, {true, true, true});
  return {give(of_input, input), give(of_weight, kernel), give(of_bias, bias)};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_slow_conv2d_forward", plain>(m);
  impl<"_slow_conv2d_forward.output", plain_out>(m);
  impl<"slow_conv3d_forward", plain>(m);
  impl<"slow_conv3d_forward.output", plain_out>(m);
  impl<"_slow_conv2d_backward.output_mask", plain_backward>(m);
  impl<"_slow_conv2d_backward.grad_input", plain_backward_out>(m);
  impl<"slow_conv_dilated2d", dilated>(m);
  impl<"slow_conv_dilated3d", dilated>(m);
  impl<"_conv_depthwise2d", depthwise>(m);
  impl<"_conv_depthwise2d.out", depthwise_out>(m);
  impl<"conv_depthwise3d", depthwise>(m);
  impl<"slow_conv_transpose2d", transposed>(m);
  impl<"slow_conv_transpose2d.out", transposed_out>(m);
  impl<"slow_conv_transpose3d", transposed>(m);
  impl<"slow_conv_transpose3d.out", transposed_out>(m);
}

}  // namespace npu::ops
