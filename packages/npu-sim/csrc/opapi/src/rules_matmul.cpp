// SPDX-License-Identifier: BSD-3-Clause
#include "npu_sim/soc.h"
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops::rules {

namespace {

void expect_rank(const Call& c, const char* name, uint32_t rank) {
  if (at(c, name).ndim != rank)
    refuse(c, name, nnop::describe(at(c, name)), "a tensor of " + std::to_string(rank) + " dims");
}

// The products before Atlas A2 multiply in float16: float32 must be allowed to lose precision.
void expect_cube_math(const Call& c, const FlatTensor& a, const FlatTensor& b) {
  if (find(c, "cubeMathType") < 0) return;
  const int64_t v = number(c, "cubeMathType");
  if (v < 0 || v > 4) refuse(c, "cubeMathType", std::to_string(v), "0 to 4");
  const SocProfile& chip = soc();
  const bool wide = chip.arch == 2201 || chip.arch == 3510;
  if (!wide && v != 1 && v != 2 && (a.dtype == ACL_FLOAT || b.dtype == ACL_FLOAT))
    refuse(c, "cubeMathType", std::to_string(v),
           std::string("1 or 2 for float32: ") + chip.name + " multiplies matrices in float16 only");
}

// The contracted sizes agree, and cubeMathType is one that the SoC has.
void expect_product(const Call& c, const char* left, const char* right) {
  const FlatTensor &a = at(c, left), &b = at(c, right);
  const int64_t k = a.sizes()[a.ndim - 1];
  if (k != b.sizes()[b.ndim == 1 ? 0 : b.ndim - 2])
    refuse(c, right, nnop::describe(b),
           "size " + std::to_string(k) + " to contract with '" + left + "', " + nnop::describe(a));
  expect_cube_math(c, a, b);
}

// 'self' of addmm and the like broadcasts to the output.
void expect_bias(const Call& c, const Shape& out) {
  const FlatTensor& t = at(c, "self");
  auto d = t.sizes();
  bool fits = d.size() <= out.size();
  for (size_t i = 0; fits && i < d.size(); ++i) fits = d[i] == 1 || d[i] == out[out.size() - d.size() + i];
  if (!fits) refuse(c, "self", nnop::describe(t), "a shape that broadcasts to " + text(out));
}

void two_dims(const Call& c, const char* left, const char* right, bool bias) {
  expect_rank(c, left, 2);
  expect_rank(c, right, 2);
  expect_product(c, left, right);
  Shape out{at(c, left).sizes()[0], at(c, right).sizes()[1]};
  if (bias) expect_bias(c, out);
  expect_outputs(c, out, "rows of the first by columns of the second matrix");
}

void three_dims(const Call& c, const char* left, const char* right, bool bias) {
  expect_rank(c, left, 3);
  expect_rank(c, right, 3);
  expect_product(c, left, right);
  const int64_t a = at(c, left).sizes()[0], b = at(c, right).sizes()[0];
  if (a != b && a != 1 && b != 1)
    refuse(c, right, nnop::describe(at(c, right)), "the batch of '" + std::string(left) + "'");
  Shape out{std::max(a, b), at(c, left).sizes()[1], at(c, right).sizes()[2]};
  if (bias) expect_bias(c, out);
  expect_outputs(c, out, "batch, rows, columns");
}

}  // namespace

void mm(const Call& c) { two_dims(c, "self", "mat2", false); }
void addmm(const Call& c) { two_dims(c, "mat1", "mat2", true); }
void bmm(const Call& c) { three_dims(c, "self", "mat2", false); }
void baddbmm(const Call& c) { three_dims(c, "batch1", "batch2", true); }

namespace {

void expect_nz(const Call& c, const char* name) {
  if (at(c, name).format != ACL_FORMAT_FRACTAL_NZ)
    refuse(c, name, "not in FRACTAL_NZ", "that format, as aclnnNpuFormatCast makes it");
}

}  // namespace

void mm_nz(const Call& c) {
  expect_nz(c, "mat2");
  mm(c);
}
void addmm_nz(const Call& c) {
  expect_nz(c, "mat2");
  addmm(c);
}
void bmm_nz(const Call& c) {
  expect_nz(c, "mat2");
  bmm(c);
}

void addmv(const Call& c) {
  expect_rank(c, "mat", 2);
  expect_rank(c, "vec", 1);
  expect_product(c, "mat", "vec");
  Shape out{at(c, "mat").sizes()[0]};
  expect_bias(c, out);
  expect_outputs(c, out, "rows of the matrix");
}

void dot(const Call& c) {
  expect_rank(c, "self", 1);
  expect_rank(c, "tensor", 1);
  expect_product(c, "self", "tensor");
  reduce_all(c);
}

// Any ranks from 1: leading dims broadcast, a vector stands for a row or a column.
void matmul(const Call& c) {
  const FlatTensor &a = at(c, "self"), &b = at(c, "mat2");
  if (a.ndim == 0) refuse(c, "self", nnop::describe(a), "at least 1 dim");
  if (b.ndim == 0) refuse(c, "mat2", nnop::describe(b), "at least 1 dim");
  expect_product(c, "self", "mat2");
  auto x = a.sizes(), y = b.sizes();
  x = a.ndim > 2 ? x.first(a.ndim - 2) : x.first(0);
  y = b.ndim > 2 ? y.first(b.ndim - 2) : y.first(0);
  Shape out(std::max(x.size(), y.size()), 1);
  for (auto d : {x, y})
    for (size_t i = 0; i < d.size(); ++i) {
      int64_t& have = out[out.size() - d.size() + i];
      if (have != 1 && d[i] != 1 && have != d[i])
        refuse(c, "mat2", nnop::describe(b), "leading dims that broadcast with " + nnop::describe(a));
      if (d[i] != 1) have = d[i];
    }
  if (a.ndim > 1) out.push_back(a.sizes()[a.ndim - 2]);
  if (b.ndim > 1) out.push_back(b.sizes()[b.ndim - 1]);
  expect_outputs(c, out, "that of the matrix product");
}

}  // namespace npu_sim::ops::rules
