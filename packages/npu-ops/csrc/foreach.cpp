// SPDX-License-Identifier: BSD-3-Clause
#include "foreach.h"

#ifndef AT_PER_OPERATOR_HEADERS
#define AT_PER_OPERATOR_HEADERS
#endif
#include <ATen/native/ForeachUtils.h>
#include <ATen/ops/_foreach_addcdiv_compositeexplicitautograd_dispatch.h>
#include <ATen/ops/_foreach_addcmul_compositeexplicitautograd_dispatch.h>
#include <ATen/ops/_foreach_norm_compositeexplicitautograd_dispatch.h>
#include <ATen/ops/tensor.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "tensors.h"

namespace npu::ops {

namespace foreach {

bool fast_route(DtypeSet accepted, std::initializer_list<at::TensorList> lists,
                at::ArrayRef<c10::Scalar> scalars) {
  const at::TensorList first = *lists.begin();
  // By CANN's data the SoCs that have bfloat16 are those that have these operators.
  if (first.empty() || !first[0].is_privateuseone() || !soc_has_bfloat16()) return false;
  if (!(accepted & bit(first[0].scalar_type()))) return false;
  // Some operators take no bool, and say so tensor by tensor.
  for (const c10::Scalar& s : scalars)
    if (s.isBoolean()) return false;
  for (at::TensorList list : lists)
    if (list.size() != first.size()) return false;
  for (const at::Tensor& t : first)
    if (t.numel() == 0 || t.dim() > 8) return false;
  return at::native::can_use_fast_route(lists, scalars);
}

std::vector<at::Tensor> like(at::TensorList list) {
  c10::DeviceGuard guard(list[0].device());
  std::vector<at::Tensor> out;
  out.reserve(list.size());
  for (const at::Tensor& t : list) out.push_back(empty(t.sizes(), t.scalar_type(), t.strides()));
  return out;
}

c10::Scalar number(const c10::Scalar& s, at::TensorList list) {
  return c10::isIntegralType(list[0].scalar_type(), /*includeBool=*/true) ? c10::Scalar(s.toLong())
                                                                          : c10::Scalar(s.toDouble());
}

std::vector<npu::detail::ScalarValue> numbers(at::ArrayRef<c10::Scalar> s, at::TensorList list) {
  std::vector<npu::detail::ScalarValue> out;
  out.reserve(s.size());
  for (const c10::Scalar& x : s) {
    npu::detail::ScalarValue v = npu::detail::scalar_value(number(x, list));
    if (v.dtype == ACL_DOUBLE) {  // some of the operators take float32 only
      const float f = x.toFloat();
      std::memcpy(v.bytes, &f, sizeof f);
      v.dtype = ACL_FLOAT;
    }
    out.push_back(v);
  }
  return out;
}

bool is_factor(const at::Tensor& t, at::TensorList list) {
  return t.dim() == 0 && t.device() == list[0].device() && t.scalar_type() == list[0].scalar_type();
}

at::Tensor factor(const at::Tensor& t) { return t.scalar_type() == at::kBFloat16 ? cast(t, at::kFloat) : t; }

}  // namespace foreach

namespace {

using Scalars = at::ArrayRef<c10::Scalar>;
using List = at::TensorList;
namespace slow = at::compositeexplicitautograd;

struct Addcmul {
  using Same = aclnnForeachAddcmulScalarV2;
  using Each = aclnnForeachAddcmulScalarList;
  static constexpr DtypeSet accepted = dtypes("fhbi");
};
struct Addcdiv {
  using Same = aclnnForeachAddcdivScalarV2;
  using Each = aclnnForeachAddcdivScalarList;
  static constexpr DtypeSet accepted = dtypes("fhb");
};

bool all_equal(Scalars s) {
  return std::all_of(s.begin(), s.end(), [&](const c10::Scalar& x) { return x.equal(s[0].toDouble()); });
}

// A number for each tensor goes to the device as a tensor, which has the list's dtype: one that rounds is not
// fast. Equal numbers, as optimizers have them, go as one number.
template <class Op>
bool fast(List self, List a, List b, Scalars s) {
  return s.size() == self.size() && foreach::fast_route(Op::accepted, {self, a, b}, s) &&
         (all_equal(s) || self[0].scalar_type() == at::kFloat);
}

template <class Op>
void run(size_t lists, List out, List self, List a, List b, Scalars s) {
  if (all_equal(s))
    return foreach::in_parts(self, lists, [&](auto cut) {
      launch<typename Op::Same>(cut(self), cut(a), cut(b), foreach::number(s[0], self), cut(out));
    });
  std::vector<float> values;
  for (const c10::Scalar& x : s) values.push_back(x.toFloat());
  const at::Tensor each = at::tensor(values).to(self[0].device());
  foreach
    ::in_parts(self, lists, [&](auto cut) {
      const auto from = static_cast<int64_t>(cut.from), count = static_cast<int64_t>(cut.count);
      launch<typename Op::Each>(cut(self), cut(a), cut(b), each.narrow(0, from, count), cut(out));
    });
}

std::vector<at::Tensor> addcmul(List self, List a, List b, Scalars s) {
  if (!fast<Addcmul>(self, a, b, s)) return slow::_foreach_addcmul(self, a, b, s);
  std::vector<at::Tensor> out = foreach::like(self);
  run<Addcmul>(4, out, self, a, b, s);
  return out;
}

void addcmul_(List self, List a, List b, Scalars s) {
  if (!fast<Addcmul>(self, a, b, s)) return slow::_foreach_addcmul_(self, a, b, s);
  run<Addcmul>(3, self, self, a, b, s);
}

std::vector<at::Tensor> addcdiv(List self, List a, List b, Scalars s) {
  if (!fast<Addcdiv>(self, a, b, s)) return slow::_foreach_addcdiv(self, a, b, s);
  std::vector<at::Tensor> out = foreach::like(self);
  run<Addcdiv>(4, out, self, a, b, s);
  return out;
}

void addcdiv_(List self, List a, List b, Scalars s) {
  if (!fast<Addcdiv>(self, a, b, s)) return slow::_foreach_addcdiv_(self, a, b, s);
  run<Addcdiv>(3, self, self, a, b, s);
}

// The numbers as a tensor of the CPU, which PyTorch reads.
template <auto F>
auto with_list(List self, List a, List b, const at::Tensor& scalars) {
  at::native::check_foreach_api_restrictions(self, a, b);
  return F(self, a, b, at::native::convert_tensor_to_scalar_list(scalars, static_cast<int64_t>(self.size())));
}

template <auto F>
void with_list_(List self, List a, List b, const at::Tensor& scalars) {
  with_list<F>(self, a, b, scalars);
}

std::vector<at::Tensor> norm(List self, const c10::Scalar& ord, std::optional<at::ScalarType> dtype) {
  const double p = ord.isComplex() ? 0 : ord.toDouble();
  if ((p != 1 && p != 2) || !foreach::fast_route(dtypes("fhb"), {self}, {}) ||
      dtype.value_or(self[0].scalar_type()) != self[0].scalar_type())
    return slow::_foreach_norm(self, ord, dtype);
  c10::DeviceGuard guard(self[0].device());
  std::vector<at::Tensor> out;
  for (size_t i = 0; i < self.size(); ++i) out.push_back(empty({}, self[0].scalar_type()));
  foreach
    ::in_parts(self, 2,
               [&](auto cut) { launch<aclnnForeachNorm>(cut(self), c10::Scalar(p), cut(List(out))); });
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_foreach_addcmul.ScalarList", addcmul>(m);
  impl<"_foreach_addcmul_.ScalarList", addcmul_>(m);
  impl<"_foreach_addcmul.Tensor", with_list<addcmul>>(m);
  impl<"_foreach_addcmul_.Tensor", with_list_<addcmul_>>(m);
  impl<"_foreach_addcdiv.ScalarList", addcdiv>(m);
  impl<"_foreach_addcdiv_.ScalarList", addcdiv_>(m);
  impl<"_foreach_addcdiv.Tensor", with_list<addcdiv>>(m);
  impl<"_foreach_addcdiv_.Tensor", with_list_<addcdiv_>>(m);
  impl<"_foreach_norm.Scalar", norm>(m);
}

}  // namespace npu::ops
