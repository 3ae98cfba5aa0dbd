// SPDX-License-Identifier: BSD-3-Clause
// Reductions. An empty array of dims means all of them, as in CANN.
#include <ATen/ops/all.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/any.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/argmin.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/max.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/min.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/prod.h>
#include <ATen/ops/std.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/var.h>
#include <ATen/ops/var_mean.h>

#include "../kernel.h"

namespace npu_sim::ops {

namespace {

using Dims = const std::optional<at::IntArrayRef>&;

at::OptionalIntArrayRef some(Dims dims) {
  if (!dims || dims->empty()) return std::nullopt;
  return *dims;
}

// all and any take no dims where they mean everything.
template <class Dim, class Whole>
at::Tensor folded(In self, Dims dims, bool keepdim, Dim over_dims, Whole whole) {
  if (dims && !dims->empty()) return over_dims(self, *dims, keepdim);
  at::Tensor r = whole(self);
  return keepdim ? r.reshape(std::vector<int64_t>(static_cast<size_t>(self.dim()), 1)) : r;
}

// A result of one element into an output of one element, whatever its shape.
void put(Out out, In value) { out.copy_(value.sizes() == out.sizes() ? value : value.reshape(out.sizes())); }

}  // namespace

NPU_SIM_KERNEL(aclnnReduceSum, rules::all<rules::reduce, rules::dtype_given>,
               rules::input_bytes) = [](In self, Dims dims, bool keep, at::ScalarType dtype, Out out) {
  at::sum_out(out, self, some(dims), keep, dtype);
};
NPU_SIM_KERNEL(aclnnMean, rules::all<rules::reduce, rules::dtype_between>,
               rules::input_bytes) = [](In self, Dims dims, bool keep, at::ScalarType dtype, Out out) {
  // torch has no mean of integers; the device cuts it.
  const auto type = c10::isIntegralType(dtype, /*includeBool=*/true) ? at::kDouble : dtype;
  if (type == out.scalar_type())
    at::mean_out(out, self, some(dims), keep, type);
  else
    out.copy_(at::mean(self, some(dims), keep, type));
};
NPU_SIM_KERNEL(aclnnAmax, rules::all<rules::reduce, rules::keeps_dtype>,
               rules::input_bytes) = [](In self, Dims dims, bool keep, Out out) {
  out.copy_(at::amax(self, dims.value_or(at::IntArrayRef{}), keep));
};
NPU_SIM_KERNEL(aclnnAmin, rules::all<rules::reduce, rules::keeps_dtype>,
               rules::input_bytes) = [](In self, Dims dims, bool keep, Out out) {
  out.copy_(at::amin(self, dims.value_or(at::IntArrayRef{}), keep));
};
NPU_SIM_KERNEL(aclnnMax, rules::reduce_all, rules::input_bytes) = [](In self, Out out) {
  put(out, at::max(self));
};
NPU_SIM_KERNEL(aclnnMin, rules::reduce_all, rules::input_bytes) = [](In self, Out out) {
  put(out, at::min(self));
};
NPU_SIM_KERNEL(aclnnMaxDim, rules::all<rules::reduce, rules::keeps_dtype>,
               rules::input_bytes) = [](In self, int64_t dim, bool keep, Out out, Out indices) {
  auto [v, i] = at::max(self, dim, keep);
  out.copy_(v);
  indices.copy_(i);
};
NPU_SIM_KERNEL(aclnnMinDim, rules::all<rules::reduce, rules::keeps_dtype>,
               rules::input_bytes) = [](In self, int64_t dim, bool keep, Out out, Out indices) {
  auto [v, i] = at::min(self, dim, keep);
  out.copy_(v);
  indices.copy_(i);
};
NPU_SIM_KERNEL(aclnnAll, rules::reduce, rules::input_bytes) = [](In self, Dims dims, bool keep, Out out) {
  put(out, folded(
               self, dims, keep,
               [](In t, at::IntArrayRef d, bool k) { return at::all(t, at::OptionalIntArrayRef(d), k); },
               [](In t) { return at::all(t); }));
};
NPU_SIM_KERNEL(aclnnAny, rules::reduce, rules::input_bytes) = [](In self, Dims dims, bool keep, Out out) {
  put(out, folded(
               self, dims, keep,
               [](In t, at::IntArrayRef d, bool k) { return at::any(t, at::OptionalIntArrayRef(d), k); },
               [](In t) { return at::any(t); }));
};
NPU_SIM_KERNEL(aclnnArgMax, rules::reduce, rules::input_bytes) =
    [](In self, int64_t dim, bool keep, Out out) { out.copy_(at::argmax(self, dim, keep)); };
NPU_SIM_KERNEL(aclnnArgMin, rules::reduce, rules::input_bytes) =
    [](In self, int64_t dim, bool keep, Out out) { out.copy_(at::argmin(self, dim, keep)); };
NPU_SIM_KERNEL(aclnnProd, rules::all<rules::reduce_all, rules::dtype_given>, rules::input_bytes) =
    [](In self, at::ScalarType dtype, Out out) { put(out, at::prod(self, dtype)); };
NPU_SIM_KERNEL(aclnnProdDim, rules::all<rules::reduce, rules::dtype_given>,
               rules::input_bytes) = [](In self, int64_t dim, bool keep, at::ScalarType dtype, Out out) {
  out.copy_(at::prod(self, dim, keep, dtype));
};
NPU_SIM_KERNEL(aclnnVarCorrection, rules::reduce,
               rules::input_bytes) = [](In self, Dims dims, int64_t correction, bool keep, Out out) {
  at::var_out(out, self, some(dims), at::Scalar(correction), keep);
};
NPU_SIM_KERNEL(aclnnVarMean, rules::reduce, rules::input_bytes) = [](In self, Dims dims, int64_t correction,
                                                                     bool keep, Out var, Out mean) {
  auto [v, m] = at::var_mean(self, some(dims), at::Scalar(correction), keep);
  var.copy_(v);
  mean.copy_(m);
};
NPU_SIM_KERNEL(aclnnStd, rules::reduce, rules::input_bytes) = [](In self, Dims dims, int64_t correction,
                                                                 bool keep, Out out) {
  at::std_out(out, self, some(dims), at::Scalar(correction), keep);
};
NPU_SIM_KERNEL(aclnnNorm, rules::reduce, rules::input_bytes) = [](In self, Num p, Dims dims, bool keep,
                                                                  Out out) {
  at::linalg_vector_norm_out(out, self, p, some(dims), keep, out.scalar_type());
};
NPU_SIM_KERNEL(aclnnCumsum, rules::all<rules::along_dim, rules::dtype_given>) =
    [](In self, int64_t dim, at::ScalarType dtype, Out out) { out.copy_(at::cumsum(self, dim, dtype)); };

}  // namespace npu_sim::ops
