// SPDX-License-Identifier: BSD-3-Clause
// Operators that PyTorch wants a kernel for and that are a few others in a row. Each of those does its own
// checks.
#include <ATen/ScalarOps.h>
#include <ATen/WrapDimUtils.h>
#include <ATen/core/Generator.h>
#include <ATen/native/DistributionTemplates.h>
#include <ATen/ops/_adaptive_avg_pool3d_backward.h>
#include <ATen/ops/_add_relu.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/add.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/min.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "kernel.h"
#include "tensors.h"

namespace npu::ops {
namespace {

using MaybeGenerator = std::optional<at::Generator>;
using Two = std::tuple<at::Tensor, at::Tensor>;

at::Tensor remainder_scalar_tensor(const c10::Scalar& self, const at::Tensor& other) {
  return at::remainder(at::native::wrapped_scalar_tensor(self), other);
}

at::Tensor count_nonzero(const at::Tensor& self, at::IntArrayRef dim) { return at::sum(self.ne(0), dim); }

at::Tensor& index_fill_tensor(at::Tensor& self, int64_t dim, const at::Tensor& index,
                              const at::Tensor& value) {
  TORCH_CHECK(value.dim() == 0,
              "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ", value.dim(),
              " dimension(s).");
  return self.index_fill_(dim, index, value.item());
}

// The gradient of unfold: each element of a window goes back to the place that it was taken from.
at::Tensor unfold_backward(const at::Tensor& grad, at::IntArrayRef sizes, int64_t dim, int64_t size,
                           int64_t step) {
  at::Tensor result = at::zeros(sizes, grad.options());
  if (sizes.empty()) return result.add_(grad.reshape(sizes));
  int64_t d = at::maybe_wrap_dim(dim, static_cast<int64_t>(sizes.size()));
  at::Tensor places = at::arange(sizes[d], grad.options().dtype(at::kLong)).unfold(0, size, step).reshape(-1);
  at::Tensor source = grad.movedim(-1, d + 1).flatten(d, d + 1);
  return result.index_add_(d, places, source);
}

// The weight comes broadcast, and gradients of one shape are wanted; CANN's prelu has neither.
at::Tensor prelu(const at::Tensor& self, const at::Tensor& weight) {
  return at::where(self.gt(0), self, weight.mul(self));
}

Two prelu_backward(const at::Tensor& grad, const at::Tensor& self, const at::Tensor& weight) {
  at::Tensor positive = self.gt(0);
  return {at::where(positive, grad, weight.mul(grad)), self.mul(grad).masked_fill_(positive, 0)};
}

// What PyTorch's templates, which check and broadcast, draw with.
template <class>
struct normal_numbers {
  void operator()(const at::Tensor& self, double mean, double std, MaybeGenerator generator) {
    self.normal_(mean, std, std::move(generator));
  }
};

template <class Mean, class Std>
at::Tensor normal(Mean mean, Std std, MaybeGenerator generator) {
  return at::native::templates::normal_impl<normal_numbers, void>(mean, std, std::move(generator));
}
template <class Mean, class Std>
at::Tensor& normal_out(Mean mean, Std std, MaybeGenerator generator, at::Tensor& out) {
  return at::native::templates::normal_out_impl<normal_numbers, void>(out, mean, std, std::move(generator));
}

at::Tensor& adaptive_avg_pool2d_out(const at::Tensor& self, c10::SymIntArrayRef size, at::Tensor& out) {
  return give(out, at::adaptive_avg_pool2d_symint(self, size));
}
at::Tensor& adaptive_avg_pool3d_backward_out(const at::Tensor& grad, const at::Tensor& self,
                                             at::Tensor& out) {
  return give(out, at::_adaptive_avg_pool3d_backward(grad, self));
}

Two aminmax_of_all(const at::Tensor& self) { return at::aminmax(self); }
Two aminmax_along(const at::Tensor& self, int64_t dim, bool keepdim) {
  return at::aminmax(self, dim, keepdim);
}

at::Tensor masked_scale(const at::Tensor& self, const at::Tensor& mask, double scale) {
  return self.mul(mask.to(self.scalar_type())).mul_(scale);
}

at::Tensor add_relu_scalar(const at::Tensor& self, const c10::Scalar& other, const c10::Scalar& alpha) {
  return at::_add_relu(self, at::native::wrapped_scalar_tensor(other), alpha);
}
at::Tensor& add_relu_scalar_(at::Tensor& self, const c10::Scalar& other, const c10::Scalar& alpha) {
  return at::_add_relu_(self, at::native::wrapped_scalar_tensor(other), alpha);
}

at::Tensor& addmm_activation(const at::Tensor& self, const at::Tensor& a, const at::Tensor& b,
                             const c10::Scalar& beta, const c10::Scalar& alpha, bool use_gelu,
                             at::Tensor& out) {
  at::addmm_out(out, self, a, b, beta, alpha);
  return use_gelu ? at::gelu_(out) : out.relu_();
}

// Rows of weights in 8 bits, each with its scale.
at::Tensor int8_product(const at::Tensor& self, const at::Tensor& weight, const at::Tensor& scales) {
  TORCH_CHECK(self.dim() == 2 && weight.dim() == 2 && weight.scalar_type() == at::kChar,
              "_weight_int8pack_mm: expects matrices, the second of int8; found ", self.sizes(), " and ",
              weight.sizes(), " of ", weight.scalar_type());
  TORCH_CHECK(scales.dim() == 1 && scales.size(0) == weight.size(0),
              "_weight_int8pack_mm: expects scales of ", weight.size(0), " elements, found ", scales.sizes());
  return self.mm(weight.to(self.scalar_type()).t()).mul_(scales);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"adaptive_avg_pool2d.out", adaptive_avg_pool2d_out>(m);
  impl<"adaptive_avg_pool3d_backward.grad_input", adaptive_avg_pool3d_backward_out>(m);
  impl<"_aminmax", aminmax_of_all>(m);
  impl<"_aminmax.dim", aminmax_along>(m);
  impl<"_masked_scale", masked_scale>(m);
  impl<"_add_relu.Scalar", add_relu_scalar>(m);
  impl<"_add_relu_.Scalar", add_relu_scalar_>(m);
  impl<"_addmm_activation.out", addmm_activation>(m);
  impl<"_weight_int8pack_mm", int8_product>(m);
  impl<"remainder.Scalar_Tensor", remainder_scalar_tensor>(m);
  impl<"count_nonzero.dim_IntList", count_nonzero>(m);
  impl<"index_fill_.int_Tensor", index_fill_tensor, Overlap::unchecked>(m);
  impl<"unfold_backward", unfold_backward>(m);
  impl<"_prelu_kernel", prelu>(m);
  impl<"_prelu_kernel_backward", prelu_backward>(m);
  impl<"normal.Tensor_float", normal<const at::Tensor&, double>>(m);
  impl<"normal.float_Tensor", normal<double, const at::Tensor&>>(m);
  impl<"normal.Tensor_Tensor", normal<const at::Tensor&, const at::Tensor&>>(m);
  impl<"normal.Tensor_float_out", normal_out<const at::Tensor&, double>>(m);
  impl<"normal.float_Tensor_out", normal_out<double, const at::Tensor&>>(m);
  impl<"normal.Tensor_Tensor_out", normal_out<const at::Tensor&, const at::Tensor&>>(m);
}

}  // namespace npu::ops
