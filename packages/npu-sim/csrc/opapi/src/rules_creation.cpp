// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>

#include "kernel.h"
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

void expect_numel(const Call& c, int64_t n) {
  const auto [p, t] = first_output(c);
  rules::expect_numel(c, p.name, t, n);
}

double scalar(const Call& c, const char* name) {
  return scalar_of(*c.scalar(static_cast<uint32_t>(find(c, name)))).toDouble();
}

// How many steps fit; `closed` counts the end.
void steps(const Call& c, bool closed) {
  const double start = scalar(c, "start"), end = scalar(c, "end"), step = scalar(c, "step");
  if (step == 0 || (end - start) / step < 0)
    refuse(c, "step", std::to_string(step), "a step from 'start' towards 'end'");
  const double n = (end - start) / step;
  expect_numel(c, static_cast<int64_t>(closed ? std::floor(n) + 1 : std::ceil(n)));
}

}  // namespace

void arange(const Call& c) { steps(c, false); }
void range(const Call& c) { steps(c, true); }
void counted(const Call& c) {
  const char* name = find(c, "n") >= 0 ? "n" : "steps";
  if (number(c, name) < 0) refuse(c, name, std::to_string(number(c, name)), "at least 0");
  expect_numel(c, number(c, name));
}

void eye(const Call& c) {
  const int64_t s[] = {static_cast<int64_t>(c.word(0)), static_cast<int64_t>(c.word(1))};
  expect_outputs(c, s, "n rows and m columns");
}

void repeat(const Call& c) {
  const FlatTensor& in = first_input(c);
  const auto times = c.ints(static_cast<uint32_t>(find(c, "repeats")));
  if (times.size() < in.ndim)
    refuse(c, "repeats", text(times), "a number for each dim of " + nnop::describe(in));
  const size_t lead = times.size() - in.ndim;
  Shape s;
  for (size_t i = 0; i < times.size(); ++i) s.push_back(times[i] * (i < lead ? 1 : in.sizes()[i - lead]));
  expect_outputs(c, s, "the input's sizes times 'repeats'");
}

namespace {

// One bit an element, in whole groups of 128 bits.
int64_t mask_bytes(int64_t n) { return (n + 127) / 128 * 16; }

void expect_probability(const Call& c, const char* name, double p) {
  if (!(p >= 0 && p <= 1)) refuse(c, name, std::to_string(p), "a probability from 0 to 1");
}

}  // namespace

void probability(const Call& c) {
  const int i = find(c, "prob");
  const auto at = static_cast<uint32_t>(i);
  expect_probability(c, "prob", c.op().params[at].kind == Kind::scalar ? scalar(c, "prob") : real(c, "prob"));
}

void dropout_mask(const Call& c) {
  probability(c);
  int64_t n = 1;
  for (int64_t d : numbers(c, "shape")) n *= d;
  const auto [p, t] = first_output(c);
  if (t.numel() != mask_bytes(n))
    refuse(c, p.name, nnop::describe(t), std::to_string(mask_bytes(n)) + " bytes, 128 bits at a time");
  // The generator compares in this dtype; certain and impossible events do not ask it.
  const int dtype = find(c, "probDataType");
  if (dtype < 0 || real(c, "prob") == 0 || real(c, "prob") == 1) return;
  const auto d = static_cast<aclDataType>(number(c, "probDataType"));
  if (d != ACL_FLOAT && d != ACL_FLOAT16 && d != ACL_BF16)
    refuse(c, "probDataType", nnop::dtype_name(d), "float32, float16 or bfloat16");
}

void dropout(const Call& c) {
  probability(c);
  same(c);
  const int64_t bytes = mask_bytes(at(c, "self").numel());
  if (const FlatTensor& mask = at(c, "mask"); mask.numel() < bytes)
    refuse(c, "mask", nnop::describe(mask), "at least " + std::to_string(bytes) + " bytes");
}

// The code for a null pointer: so CANN answers here.
void normal(const Call& c) {
  if (real(c, "std") < 0)
    throw nnop::Refusal{ACLNN_ERR_PARAM_NULLPTR, std::string(c.op().name) + ": parameter 'std' is " +
                                                     std::to_string(real(c, "std")) +
                                                     "; expected at least 0"};
}

void seeds(const Call& c) {
  for (const char* name : {"seedTensor", "offsetTensor"}) rules::expect_numel(c, name, at(c, name), 1);
}

void uniform(const Call& c) {
  if (!(real(c, "from") <= real(c, "to")))
    refuse(c, "from", std::to_string(real(c, "from")), "at most 'to', " + std::to_string(real(c, "to")));
}

void random_integers(const Call& c) {
  if (number(c, "from") >= number(c, "to"))
    refuse(c, "from", std::to_string(number(c, "from")),
           "less than 'to', " + std::to_string(number(c, "to")));
}

}  // namespace npu_sim::ops::rules
