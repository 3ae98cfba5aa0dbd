// SPDX-License-Identifier: BSD-3-Clause
// How the dtypes of an operator's parameters hang together, beyond the dtypes that each accepts.
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

aclDataType wanted(const Call& c) { return static_cast<aclDataType>(number(c, "dtype")); }

// What float32, float16 and bfloat16 promote to.
aclDataType promoted(aclDataType a, aclDataType b) { return a == b ? a : ACL_FLOAT; }

}  // namespace

void one_dtype(const Call& c) {
  const aclDataType dtype = first_input(c).dtype;
  auto check = [&](const Param& p, const FlatTensor& t) {
    expect_dtype(c, p.name, t, dtype, "that of the first input");
  };
  for_each_input(c, check);
  for_each_output(c, check);
}

void keeps_dtype(const Call& c) {
  const auto [p, t] = first_output(c);
  expect_dtype(c, p.name, t, first_input(c).dtype, "that of the input");
}

void dtype_given(const Call& c) {
  const auto [p, t] = first_output(c);
  expect_dtype(c, p.name, t, wanted(c), "that of the parameter 'dtype'");
}

void dtype_between(const Call& c) {
  const auto [p, t] = first_output(c);
  const aclDataType dtype = wanted(c);
  expect_castable(c, "dtype", nnop::dtype_name(dtype), dtype, category(first_input(c).dtype));
  expect_castable(c, p.name, nnop::describe(t), t.dtype, category(dtype));
}

void absolute(const Call& c) {
  first_shape(c);
  const FlatTensor& self = first_input(c);
  const aclDataType real = self.dtype == ACL_COMPLEX32    ? ACL_FLOAT16
                           : self.dtype == ACL_COMPLEX64  ? ACL_FLOAT
                           : self.dtype == ACL_COMPLEX128 ? ACL_DOUBLE
                                                          : self.dtype;
  const auto [p, t] = first_output(c);
  expect_dtype(c, p.name, t, real, "that of the input, real if it is complex");
}

// 0 is the quotient itself, 1 cut towards zero, 2 towards minus infinity; complex numbers cannot be cut.
void division_mode(const Call& c) {
  const int64_t mode = static_cast<int32_t>(number(c, "mode"));
  if (mode < 0 || mode > 2) refuse(c, "mode", std::to_string(mode), "0 (true), 1 (trunc) or 2 (floor)");
  if (mode == 0) return;
  for_each_input(c, [&](const Param& p, const FlatTensor& t) {
    if (category(t.dtype) == 3) refuse(c, p.name, nnop::describe(t), "no complex dtype in modes 1 and 2");
  });
}

void gelu_backward(const Call& c) {
  broadcast(c);
  const int i = find(c, "approximate");
  const auto how = i < 0 ? "none" : c.string(static_cast<uint32_t>(i));
  if (how != "none" && how != "tanh") refuse(c, "approximate", std::string(how), "none or tanh");
  const auto [p, t] = first_output(c);
  expect_dtype(c, p.name, t, promoted(at(c, "gradOutput").dtype, at(c, "self").dtype),
               "what the inputs promote to");
}

void no_two_bools(const Call& c) {
  bool all = true;
  for_each_input(c, [&](const Param&, const FlatTensor& t) { all = all && t.dtype == ACL_BOOL; });
  if (all) refuse(c, c.op().params[1].name, "bool to the power of bool", "a number on one side");
}

}  // namespace npu_sim::ops::rules
