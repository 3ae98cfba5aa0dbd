// SPDX-License-Identifier: BSD-3-Clause
// Operators on the bits of floating-point numbers: the same memory seen as integers.
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_or.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/frexp.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/nextafter_meta.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/where.h>

#include <limits>

#include "aclnn_ops.h"
#include "kernel.h"
#include "soc.h"
#include "structured.h"

namespace npu::ops {
namespace {

// Away from zero the bits count up, towards it down; across it the sign changes.
struct nextafter_op {
  using Meta = at::meta::structured_nextafter;
  static constexpr const char* name = "nextafter";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, const at::Tensor& other) {
    m.meta(self, other);
  }
  static void run(Call& k, const at::Tensor& self, const at::Tensor& other) {
    const at::Tensor x = k.in(self, dtypes("fhb")), y = k.in(other, dtypes("fhb"));
    const auto dtype = x.scalar_type(), integer = dtype == at::kFloat ? at::kInt : at::kShort;
    const int64_t sign = dtype == at::kFloat ? std::numeric_limits<int32_t>::min()
                                             : int64_t{std::numeric_limits<int16_t>::min()};
    const at::Tensor away = at::eq(at::lt(x, y), at::gt(x, 0)).to(integer);
    const at::Tensor next = at::add(at::sub(x.view(integer), 1), away, 2);
    const at::Tensor least = at::bitwise_or(at::bitwise_and(y.view(integer), sign), 1);
    const at::Tensor moved = at::where(at::eq(x, 0), least, next).view(dtype);
    const at::Tensor kept = at::where(at::eq(x, y), y, moved);
    at::Tensor out = k.out(0, dtypes("fhb"));
    at::where_out(out, at::ne(x, x), x, at::where(at::ne(y, y), y, kept));
  }
};

at::Tensor nextafter(const at::Tensor& self, const at::Tensor& other) {
  return run_functional<nextafter_op>(self, other);
}
at::Tensor& nextafter_inplace(at::Tensor& self, const at::Tensor& other) {
  return run_inplace<nextafter_op>(self, other);
}
at::Tensor& nextafter_out(const at::Tensor& self, const at::Tensor& other, at::Tensor& out) {
  return std::get<0>(run_out<nextafter_op>(std::tie(out), self, other));
}

// x = mantissa * 2^exponent. Subnormal numbers are made normal first; zeros and what is not finite stay, with
// exponent 0.
std::tuple<at::Tensor, at::Tensor> parts_of(const at::Tensor& self) {
  c10::DeviceGuard guard(self.device());
  TORCH_CHECK(at::isFloatingType(self.scalar_type()), "torch.frexp() only supports floating-point dtypes");
  check_dtype("frexp", self, dtypes("fhb"));
  check_soc("frexp", "shifts no bits");
  if (self.numel() == 0) return {empty(self.sizes(), self.scalar_type()), empty(self.sizes(), at::kInt)};
  constexpr int64_t bias = 126, fraction_bits = 23, lift = 25;
  constexpr int64_t outside_exponent = static_cast<int32_t>(0x807fffff), half = 0x3f000000;
  const at::Tensor x = cast(self, at::kFloat), size = at::abs(x);
  const at::Tensor small = at::lt(size, std::numeric_limits<float>::min());
  const at::Tensor bits = at::where(small, at::mul(x, int64_t{1} << lift), x).view(at::kInt);
  const at::Tensor mantissa = at::bitwise_or(at::bitwise_and(bits, outside_exponent), half).view(at::kFloat);
  at::Tensor exponent = at::bitwise_and(at::bitwise_right_shift(bits, fraction_bits), 255);
  exponent.sub_(bias).sub_(small.to(at::kInt), lift);
  const at::Tensor usual = at::lt(size, std::numeric_limits<double>::infinity()).mul_(at::gt(size, 0));
  return {cast(at::where(usual, mantissa, x), self.scalar_type()), exponent.mul_(usual.to(at::kInt))};
}

std::tuple<at::Tensor&, at::Tensor&> frexp_out(const at::Tensor& self, at::Tensor& mantissa,
                                               at::Tensor& exponent) {
  auto [m, e] = parts_of(self);
  return {give(mantissa, m), give(exponent, e)};
}

// What the CPU computes, it computes into results: PyTorch has no other kernel.
std::tuple<at::Tensor, at::Tensor> frexp_or_cpu(const at::Tensor& self) {
  if (soc_has_bfloat16() && (dtypes("fhb") & bit(self.scalar_type()))) return parts_of(self);
  at::Tensor mantissa = at::empty_like(self), exponent = at::empty_like(self, self.options().dtype(at::kInt));
  return at::frexp_out(mantissa, exponent, self);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"nextafter", nextafter>(m);
  impl<"nextafter_", nextafter_inplace>(m);
  impl<"nextafter.out", nextafter_out>(m);
  impl<"frexp.Tensor", frexp_or_cpu>(m);
  impl<"frexp.Tensor_out", frexp_out>(m);
}

}  // namespace npu::ops
