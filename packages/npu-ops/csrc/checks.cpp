// SPDX-License-Identifier: BSD-3-Clause
#include "checks.h"

#include "tensors.h"

namespace npu::ops::check {

void matrices(const char*, const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.scalar_type() == b.scalar_type(),
              "expected m1 and m2 to have the same dtype, but got: ", a.dtype(), " != ", b.dtype());
}

void alike(const char* op, const at::Tensor& a, const at::Tensor& b, const Optional& c) {
  for (const at::Tensor* t : {&b, c ? &*c : &b})
    TORCH_CHECK(!t->defined() || t->scalar_type() == a.scalar_type(), op, ": expected scalar type ",
                a.scalar_type(), " but found ", t->scalar_type());
}

void parameters(const char* op, const at::Tensor& input, const Optional& weight, const Optional& bias) {
  const auto own = input.scalar_type();
  for (const Optional* t : {&weight, &bias}) {
    if (!*t || !(*t)->defined()) continue;
    const auto found = (*t)->scalar_type();
    TORCH_CHECK(found == own || (found == at::kFloat && at::isReducedFloatingType(own)), op,
                ": expected scalar type ", own, " but found ", found);
  }
}

void castable(const char*, const at::Tensor& a, const at::Tensor& out, std::optional<c10::ScalarType> dtype) {
  if (out.defined() && !dtype) check_casts(a.scalar_type(), out.scalar_type());
}

void held(const char*, const at::Tensor& t, const std::optional<c10::Scalar>& a,
          const std::optional<c10::Scalar>& b) {
  if (!c10::isIntegralType(t.scalar_type(), /*includeBool=*/false)) return;
  for (const auto* number : {&a, &b})
    if (*number && (*number)->isIntegral(/*includeBool=*/false)) check_fits(t.scalar_type(), **number);
}

}  // namespace npu::ops::check
