// SPDX-License-Identifier: BSD-3-Clause
#include "special_table.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/exp2.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_inv.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <map>
#include <mutex>
#include <utility>

#include "aclnn_ops.h"
#include "tensors.h"

namespace npu::ops {
namespace {

constexpr int kMantissa = 23;
constexpr int64_t kTerms = 4;

// A table's size, by the bits of the mantissa that choose a row.
struct Layout {
  int shift;
  int64_t width, rows;
  explicit Layout(int bits)
      : shift(kMantissa - bits), width(int64_t{1} << shift), rows(int64_t{1} << (9 + bits)) {}
};

struct Table {
  at::Tensor coefficients;  // [terms, functions, rows], on the device
  at::Tensor shift;         // int32, one number: the bits that do not choose a row
  at::Tensor first;         // int32 [functions, 1]: where 0 is, whose bits are all zero
};

// The places of a row, as parts of its width: both ends, so that neighbours meet, and two as Chebyshev has
// it.
at::Tensor parts() { return at::tensor({0.0, 0.25, 0.75, 1.0}, at::kDouble); }

Points points(const Layout& layout) {
  at::Tensor bits = at::arange(-layout.rows / 2, layout.rows / 2, at::kLong).mul_(layout.width);
  at::Tensor lower = bits.to(at::kInt).view(at::kFloat).to(at::kDouble).unsqueeze(1);
  at::Tensor exponent = bits.__rshift__(kMantissa).bitwise_and_(255).clamp_min_(1);
  at::Tensor width = at::exp2(exponent.to(at::kDouble).sub_(127 + kMantissa)).mul_(layout.width).unsqueeze(1);
  at::Tensor step = at::where(bits.unsqueeze(1).lt(0), -width, width);
  return {lower + step * parts(), lower + step * 0.5};
}

// The cubics through `values` [rows, terms]: [rows, terms] float32. Where one is not finite, what stands at
// the row's beginning stands for the row: so infinities and NaN do, and poles.
at::Tensor cubics(const at::Tensor& values, const Layout& layout) {
  at::Tensor powers = at::pow(parts().unsqueeze(1), at::arange(kTerms, at::kDouble));
  at::Tensor c = values.matmul(at::linalg_inv(powers).t());
  c.select(1, 0).copy_(values.select(1, 0));
  c.mul_(at::exp2(at::arange(kTerms, at::kDouble).mul_(-layout.shift)));
  c = c.to(at::kFloat);
  at::Tensor flat = at::zeros_like(c);
  flat.select(1, 0).copy_(values.select(1, 0));
  return at::where(at::isfinite(c).all(1, /*keepdim=*/true), c, flat);
}

Table made(const Tabled& tabled, int64_t order, c10::Device device) {
  const Layout layout(tabled.bits);
  std::vector<at::Tensor> all;
  for (const at::Tensor& values : tabled.functions(points(layout), order))
    all.push_back(cubics(values, layout).t());
  at::Tensor first = at::arange(static_cast<int64_t>(all.size()), at::kInt)
                         .mul_(layout.rows)
                         .add_(layout.rows / 2)
                         .unsqueeze(1);
  return {at::stack(all, 1).contiguous().to(device),
          at::full({}, layout.shift, c10::TensorOptions(at::kInt)).to(device), first.to(device)};
}

// What `make` makes for `key` on a device, kept from its first use on.
template <class Made, class Key, class F>
const Made& kept(const Key& key, c10::Device device, F make) {
  static auto* mutex = new std::mutex;
  static auto* all = new std::map<std::pair<Key, c10::DeviceIndex>, Made>;  // leaked
  const std::pair here(key, device.index());
  {
    std::lock_guard lock(*mutex);
    if (auto it = all->find(here); it != all->end()) return it->second;
  }
  const auto* impl = c10::impl::getDeviceGuardImpl(device.type());
  TORCH_CHECK(!impl->isStreamCapturing(impl->getStream(device)),
              "the first use of a special function on a device makes its table on the host, which cannot be "
              "captured into a graph: call the function once before the capture");
  Made there = make();
  std::lock_guard lock(*mutex);
  return all->try_emplace(here, std::move(there)).first->second;
}

const Table& table(const Tabled& tabled, int64_t order, c10::Device device) {
  return kept<Table>(std::pair(&tabled, order), device, [&] { return made(tabled, order, device); });
}

struct Terms {
  at::Tensor powers, factors;  // float32 [terms] and [terms, 1], on the device
};

at::Tensor looked_up(const Tabled& tabled, int64_t order, const at::Tensor& x, bool by_row,
                     const at::Tensor& out) {
  const Layout layout(tabled.bits);
  const Table& t = table(tabled, order, x.device());
  const int64_t functions = t.first.size(0), n = x.size(-1);
  at::Tensor bits = x.view(at::kInt), row = empty(x.sizes(), at::kInt), u = empty(x.sizes(), at::kFloat);
  launch<aclnnRightShift>(bits, t.shift, row);
  launch<aclnnAdd>(row, by_row ? t.first : t.first[0], c10::Scalar(1), row);
  launch<aclnnBitwiseAndScalar>(bits, c10::Scalar(layout.width - 1), u);
  const int64_t wide = by_row ? kTerms : kTerms * functions;
  at::Tensor c = empty({wide, row.numel()}, at::kFloat);
  launch<aclnnIndexSelect>(t.coefficients.view({wide, -1}), 1, row.view({-1}), c);
  c = c.view({kTerms, functions, n});
  at::Tensor sum = c[kTerms - 1];
  for (int64_t k = kTerms - 2; k >= 0; --k) {
    at::Tensor next = k == 0 && out.defined() ? out.unsqueeze(0) : c[k];
    launch<aclnnAddcmul>(c[k], sum, u, c10::Scalar(1), next);
    sum = next;
  }
  return sum;
}

}  // namespace

void summed(const Series& series, const at::Tensor& x, const at::Tensor& out) {
  const Terms& t = kept<Terms>(&series, x.device(), [&] {
    std::vector<double> factors = series.terms(), powers;
    for (size_t k = 0; k < factors.size(); ++k) powers.push_back(2.0 * static_cast<double>(k));
    // Nothing but NaN for infinities, as the CPU has it.
    factors.push_back(0), powers.push_back(1);
    auto there = [&](const std::vector<double>& v) { return at::tensor(v, at::kFloat).to(x.device()); };
    return Terms{there(powers), there(factors).unsqueeze(1)};
  });
  const at::Tensor scaled = empty(x.sizes(), at::kFloat);
  launch<aclnnMuls>(x, c10::Scalar(1 / series.scale), scaled);
  const at::Tensor terms = empty({x.numel(), t.powers.size(0)}, at::kFloat);
  launch<aclnnPowTensorTensor>(scaled.unsqueeze(1), t.powers, terms);
  constexpr int8_t kKeepDtype = 0;
  launch<aclnnMm>(terms, t.factors, out.unsqueeze(1), kKeepDtype);
}

at::Tensor series(const Tabled& tabled, const at::Tensor& x, int64_t order, const at::Tensor& out) {
  return looked_up(tabled, order, x, false, out);
}

at::Tensor each(const Tabled& tabled, const at::Tensor& x, int64_t order) {
  return looked_up(tabled, order, x, true, {});
}

}  // namespace npu::ops
