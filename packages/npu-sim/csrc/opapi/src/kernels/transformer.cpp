// SPDX-License-Identifier: BSD-3-Clause
// What transformers normalise, gate and turn with, in one operator each.
#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>

#include <numeric>

#include "../kernel.h"
#include "../results.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;

// 'gamma' has the last dims of what is normalised; 'rstd' the dims before them, and ones.
void rms(const Call& c) {
  const auto &x = *c.tensor(rules::find(c, "x") < 0 ? 0 : static_cast<uint32_t>(rules::find(c, "x"))),
             &gamma = at(c, "gamma");
  const size_t n = x.ndim, m = gamma.ndim;
  if (m < 1 || m > n || !rules::equal(gamma.sizes(), x.sizes().subspan(n - m)))
    rules::refuse(c, "gamma", nnop::describe(gamma), "the last dims of " + nnop::describe(x));
  rules::Shape s = rules::shape(x);
  std::fill(s.end() - static_cast<std::ptrdiff_t>(m), s.end(), 1);
  for (const char* name : {"rstd", "rstdOut"})
    if (const auto* t = rules::optional(c, name)) rules::expect_shape(c, name, *t, s, "that of the rows");
  for (const char* name : {"x2", "dy", "yOut", "xOut", "dxOut"})
    if (const auto* t = rules::optional(c, name)) rules::expect_shape(c, name, *t, x.sizes(), "that of 'x'");
  if (const auto* t = rules::optional(c, "dgammaOut"))
    rules::expect_shape(c, "dgammaOut", *t, gamma.sizes(), "that of 'gamma'");
}

std::vector<int64_t> last(In x, In gamma) {
  std::vector<int64_t> dims(static_cast<size_t>(gamma.dim()));
  std::iota(dims.begin(), dims.end(), x.dim() - gamma.dim());
  return dims;
}

void normalise(In x, In gamma, double epsilon, Out y, Out rstd) {
  const at::Tensor w = x.to(at::kFloat),
                   r = w.square().mean(last(x, gamma), /*keepdim=*/true).add(epsilon).rsqrt();
  y.copy_(w.mul(r).mul(gamma.to(at::kFloat)));
  rstd.copy_(r);
}

// One half gates the other.
void halves(const Call& c) {
  const auto& x = at(c, "x");
  const auto dim = static_cast<size_t>(rules::wrap(c, "dim", rules::number(c, "dim"), x.ndim));
  if (x.ndim == 0 || x.sizes()[dim] % 2) rules::refuse(c, "x", nnop::describe(x), "an even size at 'dim'");
  rules::Shape s = rules::shape(x);
  const bool backward = rules::find(c, "yGrad") >= 0;
  if (backward) rules::expect_outputs(c, s, "that of 'x'");
  s[dim] /= 2;
  if (backward)
    rules::expect_shape(c, "yGrad", at(c, "yGrad"), s, "half of 'x' at 'dim'");
  else
    rules::expect_outputs(c, s, "half of 'x' at 'dim'");
}

// [B, N, S, D] or another order of four dims; 'cos' and 'sin' broadcast to it.
void rotated(const Call& c) {
  const char* name = c.op().params[0].name;
  const auto& x = rules::first_input(c);
  if (x.ndim != 4) rules::refuse(c, name, nnop::describe(x), "4 dims");
  const int64_t mode = rules::number(c, "mode");
  if (mode < 0 || mode > 3) rules::refuse(c, "mode", std::to_string(mode), "0 to 3");
  if (x.sizes()[3] % (mode == 3 ? 4 : 2)) rules::refuse(c, name, nnop::describe(x), "an even last dim");
  for (const char* angle : {"cos", "sin"}) {
    rules::Shape s = rules::shape(x);
    rules::broadcast_with(c, s, angle, at(c, angle));
    if (!rules::equal(s, x.sizes()))
      rules::refuse(c, angle, nnop::describe(at(c, angle)), "what broadcasts to 'x'");
  }
  for (const auto& [out, of] :
       {std::pair("out", &x), {"dxOut", &x}, {"dcosOut", &at(c, "cos")}, {"dsinOut", &at(c, "sin")}})
    if (const auto* one = rules::optional(c, out); one && one->numel())
      rules::expect_shape(c, out, *one, of->sizes(), "that of what it belongs to");
}

// The partner of each number in its pair, turned by a quarter: of the other half, or the neighbour.
at::Tensor turned(const at::Tensor& x, int64_t mode) {
  if (mode == 0) {
    const auto parts = x.chunk(2, -1);
    return at::cat({parts[1].neg(), parts[0]}, -1);
  }
  const at::Tensor pairs = x.unflatten(-1, {-1, 2});
  return at::cat({pairs.narrow(-1, 1, 1).neg(), pairs.narrow(-1, 0, 1)}, -1).flatten(-2);
}

void expect_simple(int64_t mode) {
  if (mode > 1) throw nnop::NotSimulated("rotary embeddings of quarters, and those that reorder pairs");
}

}  // namespace

NPU_SIM_KERNEL(aclnnRmsNorm, rms, rules::output_bytes) = [](In x, In gamma, double epsilon, Out y, Out rstd) {
  normalise(x, gamma, epsilon, y, rstd);
};
NPU_SIM_KERNEL(aclnnAddRmsNorm, rms, rules::output_bytes) = [](In a, In b, In gamma, double epsilon, Out y,
                                                               Out rstd, Out x) {
  x.copy_(a.to(at::kFloat).add(b.to(at::kFloat)));
  normalise(x, gamma, epsilon, y, rstd);
};
NPU_SIM_KERNEL(aclnnRmsNormGrad, rms, rules::output_bytes) = [](In dy, In x, In rstd, In gamma, Out dx,
                                                                Out dgamma) {
  const at::Tensor g = dy.to(at::kFloat), n = x.to(at::kFloat).mul(rstd), w = g.mul(gamma.to(at::kFloat));
  dx.copy_(w.sub(n.mul(w.mul(n).mean(last(x, gamma), /*keepdim=*/true))).mul(rstd));
  put(dgamma, g.mul(n).sum_to_size(gamma.sizes()));
};
NPU_SIM_KERNEL(aclnnSwiGlu, halves) = [](In x, int64_t dim, Out out) {
  const auto parts = x.to(at::kFloat).chunk(2, dim);
  out.copy_(at::silu(parts[0]).mul(parts[1]));
};
NPU_SIM_KERNEL(aclnnSwiGluGrad, halves) = [](In grad, In x, int64_t dim, Out out) {
  const auto parts = x.to(at::kFloat).chunk(2, dim);
  const at::Tensor g = grad.to(at::kFloat);
  out.copy_(at::cat({at::silu_backward(g.mul(parts[1]), parts[0]), g.mul(at::silu(parts[0]))}, dim));
};
NPU_SIM_KERNEL(aclnnRotaryPositionEmbedding, rotated) = [](In x, In cos, In sin, int64_t mode, Out out) {
  expect_simple(mode);
  const at::Tensor w = x.to(at::kFloat);
  out.copy_(w.mul(cos.to(at::kFloat)).add(turned(w, mode).mul(sin.to(at::kFloat))));
};

// A quarter back is the quarter's negative.
NPU_SIM_KERNEL(aclnnRotaryPositionEmbeddingGrad, rotated) = [](In dy, In cos, In sin, OptIn x, int64_t mode,
                                                               Out dx, OptIn dcos, OptIn dsin) {
  expect_simple(mode);
  const at::Tensor g = dy.to(at::kFloat);
  dx.copy_(g.mul(cos.to(at::kFloat)).sub(turned(g.mul(sin.to(at::kFloat)), mode)));
  if (!x) return;
  const at::Tensor w = x->to(at::kFloat);
  if (dcos && dcos->numel()) dcos->copy_(g.mul(w).sum_to_size(cos.sizes()));
  if (dsin && dsin->numel()) dsin->copy_(g.mul(turned(w, mode)).sum_to_size(sin.sizes()));
};

}  // namespace npu_sim::ops
