// SPDX-License-Identifier: BSD-3-Clause
// Sparse tensors of coordinates, where PyTorch has a kernel a device: composites of dense operators. What
// only moves indices and values about is PyTorch's own, see codegen/sparse.py.
#include <ATen/ExpandUtils.h>
#include <ATen/TensorOperators.h>
#include <ATen/native/SparseTensorUtils.h>
#include <ATen/ops/_sparse_broadcast_to.h>
#include <ATen/ops/_sparse_coo_tensor_with_dims_and_tensors.h>
#include <ATen/ops/_sparse_csr_tensor_unsafe.h>
#include <ATen/ops/_unique2.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/result_type.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/sparse_mask_native.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/DeviceGuard.h>

#include "devices.h"
#include "kernel.h"
#include "tensors.h"

namespace npu::ops {
namespace {

at::Tensor of_parts(const at::Tensor& like, const at::Tensor& indices, const at::Tensor& values,
                    bool coalesced) {
  return at::_sparse_coo_tensor_with_dims_and_tensors(like.sparse_dim(), like.dense_dim(), like.sizes(),
                                                      indices, values, values.options().layout(at::kSparse),
                                                      coalesced);
}

// The sum of `values` whose places along the first dimension, of `n`, are the same.
at::Tensor summed(const at::Tensor& values, const at::Tensor& places, int64_t n) {
  c10::DimVector sizes(values.sizes());
  sizes[0] = n;
  if (values.scalar_type() == at::kBool) return summed(values.to(at::kInt), places, n).ne(0);
  return at::zeros(sizes, values.options()).index_add_(0, places, values);
}

// What a step along each sparse dimension adds to the place of an element.
std::vector<int64_t> steps(const at::Tensor& self) {
  const auto dims = static_cast<size_t>(self.sparse_dim());
  std::vector<int64_t> strides(dims, 1);
  for (size_t d = dims; d-- > 1;) strides[d - 1] = strides[d] * self.size(static_cast<int64_t>(d));
  return strides;
}

// The place of each element, as one number.
at::Tensor flat_places(const at::Tensor& self) {
  const std::vector<int64_t> strides = steps(self);
  const at::Tensor indices = self._indices();
  return (indices * at::tensor(strides, indices.options()).unsqueeze(1)).sum(0);
}

// Sorts the elements by their place, and adds those of the same place.
at::Tensor coalesce(const at::Tensor& self) {
  c10::DeviceGuard guard(self.device());
  if (self._nnz() < 2) return self.clone()._coalesced_(true);
  if (self.sparse_dim() == 0)
    return of_parts(self, self._indices().slice(1, 0, 1), self._values().sum(0, /*keepdim=*/true), true);
  auto [unique, inverse, counts] = at::_unique2(flat_places(self), /*sorted=*/true, /*return_inverse=*/true);
  std::vector<at::Tensor> rows;
  int64_t d = 0;
  for (int64_t step : steps(self)) rows.push_back(at::div(unique, step, "floor").remainder_(self.size(d++)));
  return of_parts(self, at::stack(rows), summed(self._values(), inverse, unique.size(0)), true);
}

at::Tensor& add_out(const at::Tensor& self, const at::Tensor& other, const c10::Scalar& alpha,
                    at::Tensor& out) {
  c10::DeviceGuard guard(common_device("add", false, self, other, out));
  const auto dtype = at::result_type(self, other);
  TORCH_CHECK(c10::canCast(dtype, out.scalar_type()), "Can't convert result type ", dtype, " to output ",
              out.scalar_type());
  TORCH_CHECK(other.is_sparse(), "add(sparse, dense) is not supported. Use add(dense, sparse) instead.");
  TORCH_CHECK(self.is_sparse() ? self.sizes() == other.sizes() : other.sizes() == self.sizes(),
              "add: expected 'self' and 'other' to have the same sizes, but found ", self.sizes(), " and ",
              other.sizes());
  at::Tensor scaled = other._values().to(dtype);
  if (!alpha.equal(1)) scaled = scaled * alpha;
  if (!self.is_sparse()) {
    at::Tensor sum = self.to(dtype, /*non_blocking=*/false, /*copy=*/true);
    c10::List<std::optional<at::Tensor>> places;
    for (const at::Tensor& row : other._indices().unbind(0)) places.push_back(row);
    sum.index_put_(places, scaled, /*accumulate=*/true);
    resize_out(out, sum.sizes(), {}, sum.options());
    return out.copy_(sum);
  }
  TORCH_CHECK(self.sparse_dim() == other.sparse_dim() && self.dense_dim() == other.dense_dim(),
              "add: expected 'self' and 'other' to have the same number of sparse dimensions, but found ",
              self.sparse_dim(), " and ", other.sparse_dim());
  at::Tensor indices = at::cat({self._indices(), other._indices()}, 1);
  at::Tensor values = at::cat({self._values().to(dtype), scaled}, 0).to(out.scalar_type());
  out.resize_as_sparse_(self);
  at::sparse::alias_into_sparse(out, indices, values);
  out._coalesced_(false);
  if (out._nnz() > out.numel()) out.copy_(out.coalesce());  // or additions in place would grow it for ever
  return out;
}

// The elements of `sparse` times those of `dense` at their places.
at::Tensor& times_dense(const at::Tensor& given, const at::Tensor& dense, c10::ScalarType dtype,
                        at::Tensor& out) {
  const auto shape = at::infer_size(given.sizes(), dense.sizes());
  const at::Tensor sparse = given.sizes() == shape ? given : at::_sparse_broadcast_to(given, shape);
  at::Tensor factors = dense;
  if (dense.dim()) {
    c10::List<std::optional<at::Tensor>> places;
    for (const at::Tensor& row : sparse._indices().unbind(0)) places.push_back(row);
    factors = dense.expand(sparse.sizes()).index(places);
  }
  at::Tensor values = (sparse._values().to(dtype) * factors.to(dtype)).to(out.scalar_type());
  out.resize_as_sparse_(sparse);
  at::sparse::alias_into_sparse(out, sparse._indices(), values);
  return out._coalesced_(sparse.is_coalesced());
}

// Where each of `places` stands among the sorted `among`, and whether it does.
std::pair<at::Tensor, at::Tensor> find(const at::Tensor& places, const at::Tensor& among) {
  const at::Tensor at = at::searchsorted(among, places).clamp_max_(among.size(0) - 1);
  return {at, among.index_select(0, at).eq(places)};
}

// The elements of `self` at the places of `mask`, 0 where it has none.
at::Tensor mask_by(const at::Tensor& self, const at::Tensor& mask) {
  c10::DeviceGuard guard(common_device("sparse_mask", false, self, mask));
  if (!self.is_sparse()) return at::native::sparse_mask(self, mask);
  TORCH_CHECK(self.sizes() == mask.sizes() && self.sparse_dim() == mask.sparse_dim(),
              "sparse_mask(): the shapes of self ", self.sizes(), " and mask ", mask.sizes(),
              " should match");
  const at::Tensor from = self.coalesce(), places = flat_places(mask);
  c10::DimVector sizes(from._values().sizes());
  sizes[0] = places.numel();
  at::Tensor values = at::zeros(sizes, from._values().options());
  if (places.numel() && from._nnz()) {
    auto [at, found] = find(places, flat_places(from));
    const at::Tensor rows = found.nonzero().squeeze(1);
    values.index_copy_(0, rows, from._values().index_select(0, at.index_select(0, rows)));
  }
  return of_parts(mask, mask._indices(), values, mask.is_coalesced());
}

at::Tensor& mul_out(const at::Tensor& self, const at::Tensor& other, at::Tensor& out) {
  c10::DeviceGuard guard(common_device("mul", true, self, other, out));
  const auto dtype = at::result_type(self, other);
  if (!other.is_sparse()) return times_dense(self, other, dtype, out);
  if (!self.is_sparse()) return times_dense(other, self, dtype, out);
  TORCH_CHECK(self.sizes() == other.sizes() && self.sparse_dim() == other.sparse_dim(),
              "mul: expected two sparse tensors of one shape, but got ", self.sizes(), " and ",
              other.sizes());
  // Both sorted: where the places of the one stand among those of the other.
  const at::Tensor a = self.coalesce(), b = other.coalesce();
  const at::Tensor mine = flat_places(a), theirs = flat_places(b);
  at::Tensor indices = a._indices(), values = a._values().to(dtype);
  if (mine.numel() && theirs.numel()) {
    auto [at, found] = find(mine, theirs);
    const at::Tensor both = found.nonzero().squeeze(1);
    indices = indices.index_select(1, both);
    values = values.index_select(0, both) * b._values().to(dtype).index_select(0, at.index_select(0, both));
  } else {
    indices = indices.slice(1, 0, 0), values = values.slice(0, 0, 0);
  }
  out.resize_as_sparse_(a);
  at::sparse::alias_into_sparse(out, indices, values.to(out.scalar_type()));
  return out._coalesced_(true);
}

// beta self + alpha sparse dense: each element times its row of the dense matrix.
at::Tensor product_added(const at::Tensor& self, const at::Tensor& sparse, const at::Tensor& dense,
                         const c10::Scalar& beta, const c10::Scalar& alpha) {
  c10::DeviceGuard guard(common_device("addmm", false, self, sparse, dense));
  TORCH_CHECK(sparse.is_sparse() && !dense.is_sparse(),
              "addmm: a sparse matrix is multiplied by a dense one, but got ", sparse.layout(), " and ",
              dense.layout());
  TORCH_CHECK(sparse.sparse_dim() == 2 && sparse.dense_dim() == 0 && dense.dim() == 2 &&
                  sparse.size(1) == dense.size(0),
              "addmm: expected two matrices that fit, but got ", sparse.sizes(), " and ", dense.sizes());
  TORCH_CHECK(sparse.scalar_type() == dense.scalar_type(), "addmm: expected matrices of one dtype, but got ",
              sparse.scalar_type(), " and ", dense.scalar_type());
  const at::Tensor indices = sparse._indices();
  at::Tensor rows = sparse._values().unsqueeze(1) * dense.index_select(0, indices[1]);
  at::Tensor product = summed(rows, indices[0], sparse.size(0));
  if (!alpha.equal(1)) product = product * alpha;
  if (beta.equal(0)) return product;
  return beta.equal(1) ? product + self : product + self * beta;
}
at::Tensor& product_added_out(const at::Tensor& self, const at::Tensor& sparse, const at::Tensor& dense,
                              const c10::Scalar& beta, const c10::Scalar& alpha, at::Tensor& out) {
  at::Tensor result = product_added(self, sparse, dense, beta, alpha);
  c10::DeviceGuard guard(result.device());
  resize_out(out, result.sizes(), {}, result.options());
  return out.copy_(result);
}
at::Tensor& product_added_(at::Tensor& self, const at::Tensor& sparse, const at::Tensor& dense,
                           const c10::Scalar& beta, const c10::Scalar& alpha) {
  return self.copy_(product_added(self, sparse, dense, beta, alpha));
}

// The row of each element of a matrix of compressed rows.
at::Tensor rows_of(const at::Tensor& self) {
  const at::Tensor ends = self.crow_indices();
  return at::searchsorted(ends.slice(0, 1), at::arange(self.values().numel(), ends.options()),
                          /*out_int32=*/false, /*right=*/true);
}

// What is summed up, in float32 if it is halves.
at::Tensor unrounded(const at::Tensor& t) {
  return at::isReducedFloatingType(t.scalar_type()) ? t.to(at::kFloat) : t;
}

at::Tensor elements_in(const at::Tensor& self, c10::ScalarType dtype) {
  return self.crow_indices().diff().clamp_min(1).to(dtype).unsqueeze(1);
}

// A matrix of compressed rows times a dense one, with the products of a row summed or averaged, or the
// largest or least of them and which element it comes from: the number of all elements where a row has none.
std::tuple<at::Tensor, at::Tensor> reduced_product(const at::Tensor& self, const at::Tensor& given,
                                                   std::string_view reduce) {
  c10::DeviceGuard guard(common_device("_sparse_mm_reduce_impl", false, self, given));
  TORCH_CHECK(
      given.layout() == at::kStrided && given.dim() == 2 && self.dim() == 2 &&
          self.size(1) == given.size(0) && self.scalar_type() == given.scalar_type(),
      "_sparse_mm_reduce_impl: expected a matrix of compressed rows and a dense one of its dtype that "
      "fits, but got ",
      self.sizes(), " and ", given.sizes());
  const bool sums = reduce == "sum" || reduce == "mean";
  TORCH_CHECK(sums || reduce == "amax" || reduce == "amin",
              "reduce argument must be either sum, mean, amax or amin, got ", reduce);
  const at::Tensor values = unrounded(self.values()), other = unrounded(given), rows = rows_of(self);
  const auto dtype = given.scalar_type();
  const int64_t n = values.numel();
  at::Tensor out = at::zeros({self.size(0), other.size(1)}, other.options());
  at::Tensor chosen = at::empty({0}, other.options().dtype(at::kLong));
  if (!sums) chosen = at::full(out.sizes(), n, chosen.options());
  if (n == 0 || out.numel() == 0) return {out.to(dtype), chosen};
  const at::Tensor products = values.unsqueeze(1) * other.index_select(0, self.col_indices());
  if (sums) {
    out.index_add_(0, rows, products);
    if (reduce == "mean") out.div_(elements_in(self, out.scalar_type()));
    return {out.to(dtype), chosen};
  }
  const at::Tensor to = rows.unsqueeze(1).expand(products.sizes());
  out = out.scatter_reduce(0, to, products, reduce, /*include_self=*/false);
  const at::Tensor element = at::arange(n, chosen.options()).unsqueeze(1);
  const at::Tensor found = at::where(products.eq(out.index_select(0, rows)), element, n);
  return {out.to(dtype), chosen.scatter_reduce(0, to, found, "amin", /*include_self=*/true)};
}

// Its gradients. An extreme's goes to the element that it came from.
std::tuple<at::Tensor, at::Tensor> reduced_product_backward(const at::Tensor& self, const at::Tensor& grad_in,
                                                            const at::Tensor& other_in,
                                                            std::string_view reduce, const at::Tensor& chosen,
                                                            std::array<bool, 2> mask) {
  c10::DeviceGuard guard(common_device("_sparse_mm_reduce_impl_backward", false, self, grad_in, other_in));
  const at::Tensor columns = self.col_indices(), values = unrounded(self.values());
  const at::Tensor given = unrounded(grad_in), other = unrounded(other_in);
  const int64_t n = values.numel();
  at::Tensor of_self = at::zeros_like(values), of_other = at::zeros_like(other);
  const at::Tensor grad = reduce == "mean" ? given / elements_in(self, given.scalar_type()) : given;
  if (n && grad.numel() && (reduce == "sum" || reduce == "mean")) {
    const at::Tensor g = grad.index_select(0, rows_of(self));
    if (mask[0]) of_self = (g * other.index_select(0, columns)).sum(1);
    if (mask[1]) of_other.index_add_(0, columns, g * values.unsqueeze(1));
  } else if (n && grad.numel()) {
    const at::Tensor element = chosen.clamp_max(n - 1).flatten();
    const at::Tensor g = grad.masked_fill(chosen.eq(n), 0);
    const at::Tensor column = columns.to(at::kLong).index_select(0, element).view(g.sizes());
    if (mask[0]) of_self.index_add_(0, element, (g * other.gather(0, column)).flatten());
    if (mask[1]) of_other.scatter_add_(0, column, g * values.index_select(0, element).view(g.sizes()));
  }
  at::Tensor sparse;
  if (mask[0])
    sparse = at::_sparse_csr_tensor_unsafe(self.crow_indices(), columns, of_self.to(self.scalar_type()),
                                           self.sizes(), self.options());
  return {sparse, mask[1] ? of_other.to(other_in.scalar_type()) : at::Tensor()};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, SparseCsrPrivateUse1, m) {
  impl<"_sparse_mm_reduce_impl", reduced_product>(m);
  impl<"_sparse_mm_reduce_impl_backward", reduced_product_backward>(m);
}

TORCH_LIBRARY_IMPL(aten, SparsePrivateUse1, m) {
  impl<"_coalesce", coalesce>(m);
  impl<"add.out", add_out>(m);
  impl<"mul.out", mul_out>(m);
  impl<"sparse_mask", mask_by>(m);
  impl<"addmm", product_added>(m);
  impl<"addmm.out", product_added_out, Overlap::part>(m);
  impl<"addmm_", product_added_, Overlap::part>(m);
}

}  // namespace npu::ops
