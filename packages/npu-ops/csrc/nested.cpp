// SPDX-License-Identifier: BSD-3-Clause
// Nested tensors: what PyTorch's own kernels read as memory of the host. Their rows lie one after the other
// in a buffer, which dense operators compute on.
#include <ATen/WrapDimUtils.h>
#include <ATen/native/nested/NestedTensorMath.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <c10/core/DeviceGuard.h>

#include <torch/library.h>

#include <optional>
#include <vector>

#include "devices.h"

namespace npu::ops {
namespace {

using In = const at::Tensor&;
using Optional = std::optional<at::Tensor>;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

using at::native::NestedTensorImpl;

const NestedTensorImpl* impl_of(In nested) {
  return static_cast<NestedTensorImpl*>(nested.unsafeGetTensorImpl());
}
at::Tensor sizes_of(In nested) { return impl_of(nested)->get_nested_sizes(); }
at::Tensor buffer_of(In nested) { return impl_of(nested)->get_buffer(); }
at::Tensor nested_of(const at::Tensor& buffer, const at::Tensor& sizes) {
  return at::detail::make_tensor<NestedTensorImpl>(buffer.reshape({-1}), sizes);
}

// The length of the rows of all parts, or nothing if they differ.
std::optional<int64_t> row_length(In nested) { return impl_of(nested)->opt_size(nested.dim() - 1); }

at::Tensor sum(In self, at::OptionalIntArrayRef dims, bool keepdim, std::optional<c10::ScalarType> dtype) {
  TORCH_CHECK(dims && dims->size() == 1, "NestedTensor only allows reduction of a single dimension for now.");
  const int64_t dim = at::maybe_wrap_dim(dims->front(), self.dim());
  TORCH_CHECK(dim == self.dim() - 1,
              "NestedTensor can only be reduced across the last dimension for now got dimension ", dim,
              " instead.");
  TORCH_CHECK(keepdim, "NestedTensor always requires keepdim=True for now.");
  TORCH_CHECK(!dtype, "NestedTensor does not support dtype argument for now.");
  TORCH_CHECK(self.is_contiguous(),
              "NestedTensor does not support reductions when the input is noncontiguous for now.");
  c10::DeviceGuard guard(self.device());
  if (self.size(0) == 0) return self;
  const at::Tensor sizes = sizes_of(self).clone();
  sizes.select(1, -1).fill_(1);  // on the host
  const auto length = row_length(self);
  if (length && *length > 0)
    return nested_of(buffer_of(self).view({-1, *length}).sum(1, false, self.scalar_type()), sizes);
  std::vector<at::Tensor> sums;
  for (const at::Tensor& part : self.unbind())
    sums.push_back(part.sum(-1, false, self.scalar_type()).reshape({-1}));
  return nested_of(at::cat(sums), sizes);
}

at::Tensor sum_backward(In grad, In self, at::OptionalIntArrayRef, bool) {
  c10::DeviceGuard guard(common_device("_nested_sum_backward", false, grad, self));
  const at::Tensor sizes = sizes_of(self);
  if (const auto length = row_length(self); length && *length > 0) {
    const at::Tensor sums = grad.contiguous();
    return nested_of(buffer_of(sums).unsqueeze(1).expand({-1, *length}), sizes);
  }
  std::vector<at::Tensor> grads;
  const auto parts = self.unbind(), given = grad.unbind();
  for (size_t i = 0; i < parts.size(); ++i) grads.push_back(given[i].expand(parts[i].sizes()).reshape({-1}));
  return nested_of(grads.empty() ? buffer_of(self).clone() : at::cat(grads), sizes);
}

// The buffer as rows of what is normalised, and their length.
at::Tensor rows_of(In input, at::IntArrayRef shape, In weight, In bias) {
  const auto* impl = impl_of(input);
  TORCH_CHECK(input.is_contiguous(), "NestedTensor layer_norm requires a contiguous input");
  const auto [rows, length] = at::native::_check_nested_layer_norm_inputs(*impl, shape, weight, bias);
  return impl->get_buffer().view({rows, length});
}

Three layer_norm(In input, at::IntArrayRef shape, const Optional& weight, const Optional& bias, double eps) {
  TORCH_CHECK_VALUE(weight && weight->defined() && bias && bias->defined(),
                    "NestedTensor layer_norm requires weight and bias");
  TORCH_CHECK(!weight->is_nested(), "NestedTensor weight not supported for layer_norm");
  TORCH_CHECK(!bias->is_nested(), "NestedTensor bias not supported for layer_norm");
  c10::DeviceGuard guard(common_device("native_layer_norm", false, input, weight, bias));
  const at::Tensor rows = rows_of(input, shape, *weight, *bias);
  auto [out, mean, rstd] =
      at::native_layer_norm(rows, rows.sizes().slice(1), weight->reshape({-1}), bias->reshape({-1}), eps);
  return {nested_of(out, sizes_of(input)), mean.reshape({-1}), rstd.reshape({-1})};
}

Three layer_norm_backward(In grad, In input, at::IntArrayRef shape, In mean, In rstd, const Optional& weight,
                          const Optional& bias, std::array<bool, 3> wanted) {
  c10::DeviceGuard guard(common_device("native_layer_norm_backward", false, grad, input, mean, rstd));
  const at::Tensor none, &scale = weight ? *weight : none, &shift = bias ? *bias : none;
  const at::Tensor rows = rows_of(input, shape, scale, shift);
  auto flat = [](In t) { return t.defined() ? Optional(t.reshape({-1})) : Optional(); };
  auto [by_input, by_weight, by_bias] = at::native_layer_norm_backward(
      buffer_of(grad.contiguous()).view(rows.sizes()), rows, rows.sizes().slice(1), mean.view({-1, 1}),
      rstd.view({-1, 1}), flat(scale), flat(shift), wanted);
  if (by_input.defined()) by_input = nested_of(by_input, sizes_of(input));
  if (by_weight.defined()) by_weight = by_weight.view(shape);
  if (by_bias.defined()) by_bias = by_bias.view(shape);
  return {by_input, by_weight, by_bias};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, NestedTensorPrivateUse1, m) {
  m.impl("sum.dim_IntList", TORCH_FN(sum));
  m.impl("_nested_sum_backward", TORCH_FN(sum_backward));
  m.impl("native_layer_norm", TORCH_FN(layer_norm));
  m.impl("native_layer_norm_backward", TORCH_FN(layer_norm_backward));
}

}  // namespace npu::ops
