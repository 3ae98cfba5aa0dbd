// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <string_view>

#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

int category(aclDataType t) {
  switch (t) {
    case ACL_BOOL:
      return 0;
    case ACL_INT8:
    case ACL_INT16:
    case ACL_INT32:
    case ACL_INT64:
    case ACL_UINT8:
    case ACL_UINT16:
    case ACL_UINT32:
    case ACL_UINT64:
      return 1;
    case ACL_COMPLEX32:
    case ACL_COMPLEX64:
    case ACL_COMPLEX128:
      return 3;
    default:
      return 2;
  }
}

void expect_castable(const Call& c, const char* param, const std::string& found, aclDataType to, int from) {
  static constexpr const char* kResults[] = {"a bool", "an integer", "a floating point", "a complex"};
  if (category(to) < from)
    refuse(c, param, found, std::string("a dtype that ") + kResults[from] + " result casts to");
}

void broadcast_with(const Call& c, Shape& s, const char* p, const FlatTensor& t) {
  auto d = t.sizes();
  if (d.size() > s.size()) s.insert(s.begin(), d.size() - s.size(), 1);
  const size_t lead = s.size() - d.size();
  for (size_t i = 0; i < d.size(); ++i) {
    int64_t& have = s[lead + i];
    if (have == d[i] || d[i] == 1) continue;
    if (have != 1) refuse(c, p, nnop::describe(t), "a shape that broadcasts with " + text(s));
    have = d[i];
  }
}

Shape broadcast_shape(const Call& c) {
  Shape s;
  for_each_input(c, [&](const Param& p, const FlatTensor& t) { broadcast_with(c, s, p.name, t); });
  return s;
}

namespace {

// The scalars that take part in the result's dtype as a tensor would; others are factors.
bool is_operand(const Param& p) {
  static constexpr std::string_view kOperands[] = {"self", "other", "exponent", "clipValueMin",
                                                   "clipValueMax"};
  return p.kind == Kind::scalar &&
         std::find(std::begin(kOperands), std::end(kOperands), p.name) != std::end(kOperands);
}

void castable(const Call& c, int least) {
  int from = least;
  for_each_input(c, [&](const Param&, const FlatTensor& t) { from = std::max(from, category(t.dtype)); });
  for (uint32_t i = 0; i < c.op().count; ++i)
    if (is_operand(c.op().params[i]) && c.has(i)) from = std::max(from, category(c.scalar(i)->dtype));
  if (const int i = find(c, "alpha"); i >= 0) {
    const aclDataType alpha = c.scalar(static_cast<uint32_t>(i))->dtype;
    if (category(alpha) > std::max(from, 1))
      refuse(c, "alpha", nnop::dtype_name(alpha), "a number that an integer result can be multiplied by");
  }
  for_each_output(c, [&](const Param& p, const FlatTensor& t) {
    expect_castable(c, p.name, nnop::describe(t), t.dtype, from);
  });
}

}  // namespace

void predicate(const Call& c) { expect_outputs(c, broadcast_shape(c), "the broadcast of the inputs"); }

void broadcast(const Call& c) {
  predicate(c);
  castable(c, 0);
}

void floating(const Call& c) {
  predicate(c);
  castable(c, 2);
}

void first_shape(const Call& c) { expect_outputs(c, first_input(c).sizes(), "that of the input"); }

void same(const Call& c) {
  first_shape(c);
  castable(c, 0);
}

void in_place(const Call& c) { expect_outputs(c, broadcast_shape(c), "the broadcast of the inputs"); }

void in_place_result(const Call& c) {
  in_place(c);
  castable(c, 0);
}

}  // namespace npu_sim::ops::rules
