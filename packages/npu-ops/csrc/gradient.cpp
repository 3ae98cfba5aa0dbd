// SPDX-License-Identifier: BSD-3-Clause
// torch.gradient in fewer launches than PyTorch's composite: a dimension's two ends are computed as one
// tensor, and those of second order from the slope and the inner gradient beside them. Made of differentiable
// operators, so it stands at the autograd key too. What it does not take, also what must be refused, is
// PyTorch's.
#include <ATen/WrapDimUtils.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gradient_native.h>
#include <ATen/ops/lerp.h>
#include <c10/core/DefaultDtype.h>
#include <torch/library.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "call.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using Results = std::vector<at::Tensor>;
using MaybeDim = std::optional<int64_t>;

// The first and the last place of a dimension; or the only one.
at::Tensor ends_of(const at::Tensor& x, int64_t d) {
  const int64_t n = x.size(d);
  return n < 3 ? x : x.slice(d, 0, n, n - 1);
}

at::Tensor joined(const at::Tensor& ends, const at::Tensor& inner, int64_t d, int64_t order) {
  at::Tensor e = ends;
  if (order == 2) {  // 2 * ends - inner
    const at::Tensor beside = ends_of(inner, d);
    e = e.is_complex() ? e.mul(2).sub(beside) : at::lerp(beside, e, 2);
  }
  return at::cat({e.narrow(d, 0, 1), inner, e.narrow(d, e.size(d) - 1, 1)}, d);
}

at::Tensor even(const at::Tensor& x, int64_t d, double step, int64_t order) {
  const int64_t n = x.size(d);
  const at::Tensor inner = x.narrow(d, 2, n - 2).sub(x.narrow(d, 0, n - 2)).div(2 * step);
  const at::Tensor ends = ends_of(x.narrow(d, 1, n - 1), d).sub(ends_of(x.narrow(d, 0, n - 1), d)).div(step);
  return joined(ends, inner, d, order);
}

// The places of one dimension: how far it is from each to the next, and what part that is of the way to the
// one after it.
struct Places {
  at::Tensor steps, part;
};

Places places_of(const at::Tensor& p) {
  const int64_t n = p.size(0);
  const at::Tensor steps = p.narrow(0, 1, n - 1).sub(p.narrow(0, 0, n - 1));
  return {steps, steps.narrow(0, 0, n - 2).div(p.narrow(0, 2, n - 2).sub(p.narrow(0, 0, n - 2)))};
}

// All dimensions' at once, one after the other. What is computed from one dimension's places and the next
// one's is not read; if it is infinite, its gradient would be NaN, so none may be wanted.
std::vector<Places> places_of(at::TensorList places, c10::ScalarType dtype) {
  std::vector<Places> r;
  const bool apart = places.size() == 1 || std::any_of(places.begin(), places.end(),
                                                       [](const at::Tensor& p) { return p.requires_grad(); });
  if (apart) {
    for (const at::Tensor& p : places) r.push_back(places_of(p.to(dtype)));
    return r;
  }
  const Places all = places_of(at::cat(places).to(dtype));
  int64_t at = 0;
  for (const at::Tensor& p : places) {
    const int64_t n = p.size(0);
    r.push_back({all.steps.narrow(0, at, n - 1), all.part.narrow(0, at, n - 2)});
    at += n;
  }
  return r;
}

at::Tensor uneven(const at::Tensor& x, int64_t d, const Places& places, int64_t order) {
  const int64_t n = x.size(d);
  auto along = [&](const at::Tensor& t) {
    at::DimVector sizes(static_cast<size_t>(x.dim()), 1);
    sizes[static_cast<size_t>(d)] = t.size(0);
    return t.view(sizes);
  };
  const at::Tensor slopes = x.narrow(d, 1, n - 1).sub(x.narrow(d, 0, n - 1)).div(along(places.steps));
  const at::Tensor one = slopes.narrow(d, 0, n - 2), next = slopes.narrow(d, 1, n - 2);
  const at::Tensor part = along(places.part);
  return joined(ends_of(slopes, d),
                x.is_complex() ? one.add(next.sub(one).mul(part)) : at::lerp(one, next, part), d, order);
}

// What the gradient is computed in: float32 of halves, which are rounded once, and of integers.
c10::ScalarType computed_in(const at::Tensor& self) {
  if (at::isReducedFloatingType(self.scalar_type())) return at::kFloat;
  const bool whole = at::isIntegralType(self.scalar_type(), /*includeBool=*/true);
  return whole ? c10::get_default_dtype_as_scalartype() : self.scalar_type();
}
c10::ScalarType given_in(const at::Tensor& self) {
  return at::isReducedFloatingType(self.scalar_type()) ? self.scalar_type() : computed_in(self);
}

// The dimensions, counted from the front; nothing if PyTorch would refuse the call or has a case of its own.
std::optional<Dims> dims_of(const at::Tensor& self, at::IntArrayRef dims, int64_t order) {
  if (self.dim() == 0 || order < 1 || order > 2 || self.scalar_type() == at::kBool) return std::nullopt;
  Dims found;
  for (int64_t d : dims) {
    if (d < -self.dim() || d >= self.dim()) return std::nullopt;
    d = wrap_dim(d, self);
    if (self.size(d) < 3 || std::find(found.begin(), found.end(), d) != found.end()) return std::nullopt;
    found.push_back(d);
  }
  return found;
}

Dims every(const at::Tensor& self, MaybeDim dim) {
  if (dim) return {*dim};
  Dims all(static_cast<size_t>(self.dim()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::optional<Results> by_steps(const at::Tensor& self, at::ArrayRef<c10::Scalar> steps, at::IntArrayRef dims,
                                int64_t order) {
  const auto ds = dims_of(self, dims, order);
  if (!ds || (steps.size() != 1 && steps.size() != ds->size())) return std::nullopt;
  if (std::any_of(steps.begin(), steps.end(), [](const c10::Scalar& s) { return s.isComplex(); }))
    return std::nullopt;
  Results r;
  const at::Tensor x = self.to(computed_in(self));
  for (size_t i = 0; i < ds->size(); ++i) {
    const c10::Scalar& step = steps[steps.size() == 1 ? 0 : i];
    r.push_back(even(x, (*ds)[i], step.toDouble(), order).to(given_in(self)));
  }
  return r;
}

std::optional<Results> by_places(const at::Tensor& self, at::TensorList places, at::IntArrayRef dims,
                                 int64_t order) {
  const auto ds = dims_of(self, dims, order);
  if (!ds || places.size() != ds->size()) return std::nullopt;
  for (size_t i = 0; i < ds->size(); ++i) {
    const at::Tensor& p = places[i];
    if (p.dim() != 1 || p.size(0) != self.size((*ds)[i]) || p.scalar_type() != self.scalar_type() ||
        p.device() != self.device())
      return std::nullopt;
  }
  const auto dtype = computed_in(self);
  const at::Tensor x = self.to(dtype);
  const auto parts = places_of(places, dtype);
  Results r;
  for (size_t i = 0; i < ds->size(); ++i)
    r.push_back(uneven(x, (*ds)[i], parts[i], order).to(given_in(self)));
  return r;
}

Results step_dim(const at::Tensor& self, const std::optional<c10::Scalar>& step, MaybeDim dim,
                 int64_t order) {
  auto r = by_steps(self, step.value_or(1), every(self, dim), order);
  return r ? *r : at::native::gradient(self, step, dim, order);
}
Results step_dims(const at::Tensor& self, const c10::Scalar& step, at::IntArrayRef dims, int64_t order) {
  auto r = by_steps(self, step, dims, order);
  return r ? *r : at::native::gradient(self, step, dims, order);
}
Results dims_only(const at::Tensor& self, at::IntArrayRef dims, int64_t order) {
  auto r = by_steps(self, c10::Scalar(1), dims, order);
  return r ? *r : at::native::gradient(self, dims, order);
}
Results steps_dim(const at::Tensor& self, at::ArrayRef<c10::Scalar> steps, MaybeDim dim, int64_t order) {
  auto r =
      steps.size() == every(self, dim).size() ? by_steps(self, steps, every(self, dim), order) : std::nullopt;
  return r ? *r : at::native::gradient(self, steps, dim, order);
}
Results steps_dims(const at::Tensor& self, at::ArrayRef<c10::Scalar> steps, at::IntArrayRef dims,
                   int64_t order) {
  auto r = steps.size() == dims.size() ? by_steps(self, steps, dims, order) : std::nullopt;
  return r ? *r : at::native::gradient(self, steps, dims, order);
}
Results places_dim(const at::Tensor& self, at::TensorList places, MaybeDim dim, int64_t order) {
  auto r = by_places(self, places, every(self, dim), order);
  return r ? *r : at::native::gradient(self, places, dim, order);
}
Results places_dims(const at::Tensor& self, at::TensorList places, at::IntArrayRef dims, int64_t order) {
  auto r = by_places(self, places, dims, order);
  return r ? *r : at::native::gradient(self, places, dims, order);
}

void kernels(torch::Library& m) {
  m.impl("gradient.scalarint", step_dim);
  m.impl("gradient.scalararray", step_dims);
  m.impl("gradient.array", dims_only);
  m.impl("gradient.scalarrayint", steps_dim);
  m.impl("gradient.scalarrayarray", steps_dims);
  m.impl("gradient.tensorarrayint", places_dim);
  m.impl("gradient.tensorarray", places_dims);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) { kernels(m); }
TORCH_LIBRARY_IMPL(aten, AutogradPrivateUse1, m) { kernels(m); }

}  // namespace npu::ops
