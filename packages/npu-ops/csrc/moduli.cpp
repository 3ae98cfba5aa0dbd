// SPDX-License-Identifier: BSD-3-Clause
#include "moduli.h"

#include <ATen/ExpandUtils.h>
#include <ATen/ScalarOps.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/isclose_native.h>
#include <ATen/ops/le.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/view_as_real.h>
#include <torch/library.h>

#include <limits>
#include <utility>

namespace npu::ops {

namespace {

// The longer part times the root of 1 + ratio^2. The divisor is kept from 0 and from infinity.
std::pair<at::Tensor, at::Tensor> factors(const at::Tensor& parts) {
  using Limits = std::numeric_limits<double>;
  const auto [shorter, longer] = at::aminmax(parts, -1);
  at::Tensor ratio = at::div(shorter, at::clamp(longer, Limits::denorm_min(), Limits::max()));
  return {ratio.mul_(ratio).add_(1).sqrt_(), longer};
}

}  // namespace

void moduli(const at::Tensor& parts, const at::Tensor& out) {
  const auto [root, longer] = factors(parts);
  at::Tensor result = out;
  at::mul_out(result, root, longer);
}
at::Tensor moduli(const at::Tensor& parts) {
  const auto [root, longer] = factors(parts);
  return at::mul(root, longer);
}

namespace {

double largest(c10::ScalarType dtype) {
  if (dtype == at::kHalf) return std::numeric_limits<c10::Half>::max();
  if (dtype == at::kBFloat16) return std::numeric_limits<c10::BFloat16>::max();
  return dtype == at::kFloat ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
}

// Whether vmap or grad sees to `t`; vmap has no rule for what writes to an output.
bool transformed(const at::Tensor& t) {
  using Key = c10::DispatchKey;
  return t.key_set().has_any(c10::DispatchKeySet({Key::FuncTorchBatched, Key::FuncTorchGradWrapper}));
}

// |self - other| and |rtol other|.
std::pair<at::Tensor, at::Tensor> distances(const at::Tensor& self, const at::Tensor& other, double rtol) {
  if (self.scalar_type() != at::kComplexDouble)
    return {at::abs(at::sub(self, other)), at::abs(at::mul(other, rtol))};
  const at::Tensor bound = at::native::wrapped_scalar_tensor(rtol);
  at::DimVector sizes = at::infer_size_dimvector(self.sizes(), other.sizes()), both{2};
  both.append(sizes.begin(), sizes.end());
  at::Tensor numbers;
  if (transformed(self) || transformed(other)) {
    numbers = at::stack({at::sub(self, other), at::mul(other.expand(sizes), bound)});
  } else {  // one launch less
    numbers = at::empty(both, self.options());
    at::Tensor difference = numbers[0], part = numbers[1];
    at::sub_out(difference, self, other);
    at::mul_out(part, other.expand(sizes), bound);
  }
  const at::Tensor sides = moduli(at::abs(at::view_as_real(numbers)));
  return {sides[0], sides[1]};
}

// As torch composes it, but that no difference that is not finite is within a bound which is kept finite: one
// launch, where torch asks of each number whether it is finite, another five.
at::Tensor isclose(const at::Tensor& self, const at::Tensor& other, double rtol, double atol,
                   bool equal_nan) {
  const auto dtype = self.scalar_type();
  const bool floating = at::isFloatingType(dtype) || at::isComplexType(dtype);
  if (!floating || dtype != other.scalar_type() || self.device() != other.device() ||
      dtype == at::kComplexHalf || !(rtol >= 0) || !(atol >= 0) || (rtol == 0 && atol == 0) ||
      (dtype != at::kHalf && dtype != at::kBFloat16 && dtype != at::kFloat && dtype != at::kDouble &&
       dtype != at::kComplexFloat && dtype != at::kComplexDouble))
    return at::native::isclose(self, other, rtol, atol, equal_nan);
  const at::AutoDispatchBelowADInplaceOrView guard;  // what is answered has no derivative
  at::Tensor close = at::eq(self, other);
  if (equal_nan) close = close.logical_or_(at::ne(self, self).logical_and(at::ne(other, other)));
  auto [actual, allowed] = distances(self, other, rtol);
  allowed = allowed.add_(atol).clamp_max_(largest(c10::toRealValueType(dtype)));
  return close.logical_or_(at::le(actual, allowed));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) { m.impl("isclose", isclose); }
TORCH_LIBRARY_IMPL(aten, AutogradPrivateUse1, m) { m.impl("isclose", isclose); }

}  // namespace npu::ops
