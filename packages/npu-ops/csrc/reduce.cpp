// SPDX-License-Identifier: BSD-3-Clause
// argmax and argmin: without a dimension they look at the tensor laid out flat.
#include <ATen/ops/argmax_meta.h>
#include <ATen/ops/argmin_meta.h>
#include <torch/library.h>

#include "aclnn_ops.h"
#include "structured.h"

namespace npu::ops {
namespace {

template <class M, class Aclnn, DtypeSet accepted>
struct arg_op {
  using Meta = M;
  static constexpr const char* name = std::is_same_v<Aclnn, aclnnArgMax> ? "argmax" : "argmin";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<M, 1>& m, const at::Tensor& self, std::optional<int64_t> dim, bool keepdim) {
    m.meta(self, dim, keepdim);
  }
  static void run(Call& k, const at::Tensor& self, std::optional<int64_t> dim, bool keepdim) {
    const at::Tensor& out = k.out(0, 0);
    if (dim) return launch<Aclnn>(k.in(self, accepted), wrap_dim(*dim, self), keepdim, out);
    launch<Aclnn>(k.in(self, accepted).reshape({-1}), int64_t{0}, false, out.view(at::IntArrayRef{}));
  }
};

using argmax_op = arg_op<at::meta::structured_argmax, aclnnArgMax, dtypes("fhbdcsilu")>;
using argmin_op = arg_op<at::meta::structured_argmin, aclnnArgMin, dtypes("fhbdcsilu")>;

template <class Op>
at::Tensor arg(const at::Tensor& self, std::optional<int64_t> dim, bool keepdim) {
  return run_functional<Op>(self, dim, keepdim);
}

template <class Op>
at::Tensor& arg_out(const at::Tensor& self, std::optional<int64_t> dim, bool keepdim, at::Tensor& out) {
  return std::get<0>(run_out<Op>(std::tie(out), self, dim, keepdim));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("argmax", TORCH_FN(arg<argmax_op>));
  m.impl("argmax.out", TORCH_FN(arg_out<argmax_op>));
  m.impl("argmin", TORCH_FN(arg<argmin_op>));
  m.impl("argmin.out", TORCH_FN(arg_out<argmin_op>));
}

// The generator finds the operators of this file here: launch<aclnnArgMax>, launch<aclnnArgMin>.
}  // namespace npu::ops
