// SPDX-License-Identifier: BSD-3-Clause
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

Shape broadcast_shape(const Call& c) {
  Shape s;
  for_each_input(c, [&](const Param& p, const FlatTensor& t) {
    auto d = t.sizes();
    if (d.size() > s.size()) s.insert(s.begin(), d.size() - s.size(), 1);
    const size_t lead = s.size() - d.size();
    for (size_t i = 0; i < d.size(); ++i) {
      int64_t& have = s[lead + i];
      if (have == d[i] || d[i] == 1) continue;
      if (have != 1) refuse(c, p.name, nnop::describe(t), "a shape that broadcasts with " + text(s));
      have = d[i];
    }
  });
  return s;
}

namespace {

void castable(const Call& c, int least) {
  int from = least;
  for_each_input(c, [&](const Param&, const FlatTensor& t) { from = std::max(from, category(t.dtype)); });
  for_each_output(c, [&](const Param& p, const FlatTensor& t) {
    static constexpr const char* kNames[] = {"bool", "integer", "floating point", "complex"};
    if (category(t.dtype) < from)
      refuse(c, p.name, nnop::describe(t),
             std::string("a dtype that a ") + kNames[from] + " result casts to");
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

}  // namespace npu_sim::ops::rules
