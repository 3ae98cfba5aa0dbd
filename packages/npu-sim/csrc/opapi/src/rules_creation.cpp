// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>

#include "kernel.h"
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

const Param& output(const Call& c, const FlatTensor*& t) {
  for (uint32_t i = 0; i < c.op().count; ++i)
    if (c.op().params[i].is_output()) {
      t = c.tensor(i);
      return c.op().params[i];
    }
  throw nnop::Refusal{ACLNN_ERR_INNER, std::string(c.op().name) + ": no output"};
}

void expect_numel(const Call& c, int64_t n) {
  const FlatTensor* t = nullptr;
  const Param& p = output(c, t);
  if (t->numel() != n) refuse(c, p.name, nnop::describe(*t), std::to_string(n) + " elements");
}

double real(const Call& c, const char* name) {
  return scalar_of(*c.scalar(static_cast<uint32_t>(find(c, name)))).toDouble();
}

// How many steps fit; `closed` counts the end.
void steps(const Call& c, bool closed) {
  const double start = real(c, "start"), end = real(c, "end"), step = real(c, "step");
  if (step == 0 || (end - start) / step < 0)
    refuse(c, "step", std::to_string(step), "a step from 'start' towards 'end'");
  const double n = (end - start) / step;
  expect_numel(c, static_cast<int64_t>(closed ? std::floor(n) + 1 : std::ceil(n)));
}

}  // namespace

void arange(const Call& c) { steps(c, false); }
void range(const Call& c) { steps(c, true); }
void counted(const Call& c) {
  if (const int i = find(c, "n"); i >= 0)
    return expect_numel(c, static_cast<int64_t>(c.word(static_cast<uint32_t>(i))));
  expect_numel(c, static_cast<int64_t>(c.word(static_cast<uint32_t>(find(c, "steps")))));
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

void dropout_mask(const Call& c) {
  int64_t n = 1;
  for (int64_t d : c.ints(static_cast<uint32_t>(find(c, "shape")))) n *= d;
  const FlatTensor* t = nullptr;
  const Param& p = output(c, t);
  const int64_t bytes = (n + 127) / 128 * 16;
  if (t->numel() < bytes)
    refuse(c, p.name, nnop::describe(*t), std::to_string(bytes) + " bytes, 128 bits at a time");
}

}  // namespace npu_sim::ops::rules
