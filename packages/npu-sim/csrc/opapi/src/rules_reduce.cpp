// SPDX-License-Identifier: BSD-3-Clause
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

// The dims to reduce, as a mask; an empty or absent array means all of them.
uint64_t reduced_dims(const Call& c, int64_t rank) {
  const uint64_t all = (uint64_t{1} << rank) - 1;
  for (uint32_t i = 0; i < c.op().count; ++i) {
    const Param& p = c.op().params[i];
    if (p.kind == Kind::int64 && std::strncmp(p.name, "dim", 3) == 0)
      return uint64_t{1} << wrap(c, p.name, static_cast<int64_t>(c.word(i)), rank) & all;
    if (p.kind != Kind::ints) continue;
    if (!c.has(i) || c.ints(i).empty()) return all;
    uint64_t mask = 0;
    for (int64_t d : c.ints(i)) {
      const uint64_t bit = uint64_t{1} << wrap(c, p.name, d, rank);
      if (mask & bit) refuse(c, p.name, nnop::describe(c.ints(i)), "each dim once");
      mask |= bit;
    }
    return mask & all;
  }
  return all;
}

bool keep_dims(const Call& c) {
  for (uint32_t i = 0; i < c.op().count; ++i)
    if (c.op().params[i].kind == Kind::boolean) return c.word(i) != 0;
  return false;
}

}  // namespace

void reduce(const Call& c) {
  const FlatTensor& in = first_input(c);
  const uint64_t mask = reduced_dims(c, in.ndim);
  const bool keep = keep_dims(c);
  Shape s;
  for (uint32_t i = 0; i < in.ndim; ++i) {
    if (!(mask >> i & 1))
      s.push_back(in.sizes()[i]);
    else if (keep)
      s.push_back(1);
  }
  expect_outputs(c, s, "the input's without the reduced dims");
}

void reduce_all(const Call& c) {
  for_each_output(c, [&](const Param& p, const FlatTensor& t) {
    if (t.numel() != 1) refuse(c, p.name, nnop::describe(t), "one element");
  });
}

void dim_in_range(const Call& c) {
  const int i = find(c, "dim");
  if (i >= 0) wrap(c, "dim", static_cast<int64_t>(c.word(i)), first_input(c).ndim);
}

void along_dim(const Call& c) {
  dim_in_range(c);
  expect_outputs(c, first_input(c).sizes(), "that of the input");
}

uint64_t input_bytes(const Call& c) {
  uint64_t n = 0;
  for_each_input(c, [&](const Param&, const FlatTensor& t) {
    n += static_cast<uint64_t>(t.numel()) * nnop::dtype_bits(t.dtype) / 8;
  });
  return n ? (n + 511) / 512 * 512 : 0;
}

uint64_t output_bytes(const Call& c) {
  uint64_t n = 0;
  for_each_output(c, [&](const Param&, const FlatTensor& t) {
    n += static_cast<uint64_t>(t.numel()) * nnop::dtype_bits(t.dtype) / 8;
  });
  return n ? (n + 511) / 512 * 512 : 0;
}

}  // namespace npu_sim::ops::rules
