// SPDX-License-Identifier: BSD-3-Clause
// Operators from a shape rule. A rule is a class with `meta(...)` that calls set_output_* once an output:
// PyTorch's own `at::meta::structured_X`, or one of shapes.h. This file turns a rule and an aclnn call into
// the three overloads of an operator: functional, in-place and out.
//
//   struct add_out_op {
//     using Meta = at::meta::structured_add_Tensor;
//     static constexpr const char* name = "add";
//     static constexpr size_t outputs = 1;
//     static void shape(Meta& m, const at::Tensor& self, ...) { m.meta(self, ...); }
//     static void run(Call& k, const at::Tensor& self, ...) { launch<aclnnAdd>(...); }
//   };
//   at::Tensor add_Tensor(const at::Tensor& self, ...) { return run_functional<add_out_op>(self, ...); }
#pragma once

#include <ATen/TensorIterator.h>
#include <ATen/TensorMeta.h>
#include <ATen/core/ATen_fwd.h>
#include <c10/core/DeviceGuard.h>

#include <array>
#include <type_traits>

#include "call.h"
#include "devices.h"

namespace npu::ops {

enum class Mode { functional, inplace, out };

// A shape rule's outputs: allocated, resized or checked as the overload wants it.
template <class Meta, size_t N>
class Outputs final : public Meta {
 public:
  explicit Outputs(Mode mode) : mode_(mode) {}

  void set_output_strided(int64_t i, at::IntArrayRef sizes, at::IntArrayRef strides,
                          at::TensorOptions options) override {
    // aclnn operators take any strides, so the strict form needs no proxy.
    set_output_raw_strided(i, sizes, strides, options);
  }
  void set_output_raw_strided(int64_t i, at::IntArrayRef sizes, at::IntArrayRef strides,
                              at::TensorOptions options) override {
    place(tensors[i], mode_, sizes, strides, options);
    if constexpr (kIterates) Meta::set_output_raw_strided(i, sizes, strides, options);
  }
  const at::Tensor& maybe_get_output(int64_t i) override { return tensors[i]; }

  static constexpr bool kIterates = std::is_base_of_v<at::TensorIteratorBase, Meta>;

  // The dtype that the iterator computes in; Undefined where there is none.
  c10::ScalarType common() const {
    if constexpr (kIterates)
      return this->maybe_common_dtype().value_or(c10::ScalarType::Undefined);
    else
      return c10::ScalarType::Undefined;
  }

  std::array<at::Tensor, N> tensors;

 private:
  Mode mode_;
};

// Makes one output fit. Not a template, so that the code is there once.
void place(at::Tensor& t, Mode mode, at::IntArrayRef sizes, at::IntArrayRef strides,
           const at::TensorOptions& options);

// What PyTorch's metas take for an argument that a kernel gets as `x`.
template <class T>
const T& meta_arg(const T& x) {
  return x;
}
inline at::OptionalTensorRef meta_arg(const std::optional<at::Tensor>& x) {
  return x && x->defined() ? at::OptionalTensorRef(*x) : at::OptionalTensorRef();
}
inline at::OptionalScalarRef meta_arg(const std::optional<c10::Scalar>& x) {
  return x ? at::OptionalScalarRef(*x) : at::OptionalScalarRef();
}

template <class Op>
using OutputsOf = Outputs<typename Op::Meta, Op::outputs>;

template <class Op, class... A>
void execute(OutputsOf<Op>& m, const A&... a) {
  DeviceCheck check(Op::name, Op::host_scalars);
  for (const auto& t : m.tensors) check.see(t);
  (check.see(a), ...);
  c10::DeviceGuard guard(check.device());
  Op::shape(m, a...);
  Call call(Op::name, m.common(), m.tensors);
  if (call.empty()) return;
  Op::run(call, a...);
  call.finish();
}

template <class Op, class... A>
auto run_functional(const A&... a) {
  OutputsOf<Op> m(Mode::functional);
  execute<Op>(m, a...);
  if constexpr (Op::outputs == 1)
    return std::move(m.tensors[0]);
  else
    return std::apply([](auto&... t) { return std::make_tuple(std::move(t)...); }, m.tensors);
}

template <class Op, class... A>
at::Tensor& run_inplace(at::Tensor& self, const A&... a) {
  OutputsOf<Op> m(Mode::inplace);
  m.tensors[0] = self;
  execute<Op>(m, self, a...);
  return self;
}

template <class Op, class... O, class... A>
auto run_out(std::tuple<O&...> outs, const A&... a) {
  OutputsOf<Op> m(Mode::out);
  std::apply([&](auto&... o) { m.tensors = {o...}; }, outs);
  execute<Op>(m, a...);
  return outs;
}

}  // namespace npu::ops
