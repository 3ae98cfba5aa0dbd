// SPDX-License-Identifier: BSD-3-Clause
// Convolutions. PyTorch checks the shapes and comes here through its operators
// for backends outside of it.
#include <ATen/native/ConvUtils.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <c10/core/DeviceGuard.h>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"
#include "windows.h"

namespace npu::ops {
namespace {

using MaybeTensor = std::optional<at::Tensor>;

constexpr DtypeSet kFloats = dtypes("fhb");

void check_dtypes(const char* op, const at::Tensor& input, const at::Tensor& other, const char* name,
                  DtypeSet taken = kFloats) {
  check_dtype(op, input, taken);
  TORCH_CHECK(input.scalar_type() == other.scalar_type(), op, ": input type (", input.scalar_type(), ") and ",
              name, " type (", other.scalar_type(), ") should be the same; input ", input.sizes(), ", ", name,
              " ", other.sizes());
}

at::Tensor on_host(const at::Tensor& t) { return t.defined() ? t.cpu() : t; }
at::Tensor on_host(const MaybeTensor& t) { return t ? on_host(*t) : at::Tensor(); }

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const MaybeTensor& bias,
                       at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
                       bool transposed, at::IntArrayRef output_padding, int64_t groups) {
  static constexpr const char* op = "convolution";
  c10::DeviceGuard guard(common_device(op, false, input, weight, bias));
  if (input.scalar_type() == at::kDouble) {
    note_declared("aten::convolution_overrideable", {input, weight});
    return at::convolution(input.cpu(), weight.cpu(), on_host(bias), stride, padding, dilation, transposed,
                           output_padding, groups)
        .to(input.device());
  }
  const bool integers = c10::isIntegralType(input.scalar_type(), /*includeBool=*/false);
  const DtypeSet taken = integers ? bit(input.scalar_type()) : kFloats;
  check_dtypes(op, input, weight, "weight", taken);
  if (bias && bias->defined()) check_dtypes(op, input, *bias, "bias", taken);
  auto sizes = transposed
                   ? at::native::conv_input_size(input.sizes(), weight.sizes(), padding, output_padding,
                                                 stride, dilation, groups)
                   : at::native::conv_output_size(input.sizes(), weight.sizes(), padding, stride, dilation);
  if (integers) {
    at::Tensor r = integer_convolution(input, weight, sizes, stride, padding, dilation, transposed, groups);
    if (!bias || !bias->defined()) return r;
    Dims channels(r.sizes().size(), 1);
    channels[1] = -1;
    return r.add_(bias->view(channels));
  }
  at::Tensor out = empty(sizes, input.scalar_type());
  if (out.numel())
    launch<aclnnConvolution>(input, weight, bias, stride, padding, dilation, transposed, output_padding,
                             groups, out, cube_math(NPU_CUBE_CONV));
  return out;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor& grad, const at::Tensor& input, const at::Tensor& weight, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed, at::IntArrayRef output_padding,
    int64_t groups, std::array<bool, 3> mask) {
  static constexpr const char* op = "convolution_backward";
  c10::DeviceGuard guard(common_device(op, false, grad, input, weight));
  if (input.scalar_type() == at::kDouble) {
    note_declared("aten::convolution_backward_overrideable", {grad, input, weight});
    auto r = at::convolution_backward(grad.cpu(), input.cpu(), weight.cpu(), at::IntArrayRef(grad.size(1)),
                                      stride, padding, dilation, transposed, output_padding, groups, mask);
    auto back = [&](const at::Tensor& t) { return t.defined() ? t.to(input.device()) : t; };
    return {back(std::get<0>(r)), back(std::get<1>(r)), back(std::get<2>(r))};
  }
  check_dtypes(op, input, weight, "weight");
  check_dtypes(op, input, grad, "grad_output");
  at::Tensor grad_input, grad_weight, grad_bias;
  const int64_t channels = grad.size(1);
  if (mask[0]) grad_input = empty(input.sizes(), input.scalar_type());
  if (mask[1]) grad_weight = empty(weight.sizes(), weight.scalar_type());
  if (mask[2]) grad_bias = empty({channels}, grad.scalar_type());
  launch<aclnnConvolutionBackward>(grad, input, weight, at::IntArrayRef(channels), stride, padding, dilation,
                                   transposed, output_padding, groups, c10::ArrayRef<bool>(mask),
                                   cube_math(NPU_CUBE_CONV), grad_input, grad_weight, grad_bias);
  return {grad_input, grad_weight, grad_bias};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"convolution_overrideable", convolution>(m);
  impl<"convolution_backward_overrideable", convolution_backward>(m);
}

}  // namespace npu::ops
