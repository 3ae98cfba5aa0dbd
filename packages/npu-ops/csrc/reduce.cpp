// SPDX-License-Identifier: BSD-3-Clause
// argmax and argmin, which without a dimension look at the tensor laid out
// flat; all and any over a list of dimensions that may be empty; var and std,
// whose correction CANN takes as a whole number only.
#include <ATen/core/ATen_fwd.h>
#include <ATen/ops/all_meta.h>
#include <ATen/ops/any_meta.h>
#include <ATen/ops/argmax_meta.h>
#include <ATen/ops/argmin_meta.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/var.h>
#include <ATen/ops/view_as_real.h>

#include <algorithm>
#include <cmath>

#include "aclnn_ops.h"
#include "kernel.h"
#include "shapes.h"
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

// all and any over a list of dimensions. An empty list reduces nothing and asks
// of each element whether it is true; CANN would take it for all of them.
template <class M, class Aclnn, DtypeSet accepted>
struct truth_op {
  using Meta = M;
  static constexpr const char* name = std::is_same_v<Aclnn, aclnnAll> ? "all" : "any";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<M, 1>& m, const at::Tensor& self, at::OptionalIntArrayRef dim, bool keepdim) {
    m.meta(self, dim, keepdim);
  }
  static void run(Call& k, const at::Tensor& self, at::OptionalIntArrayRef dim, bool keepdim) {
    const at::Tensor& out = k.out(0, dtypes("?"), at::kBool);
    if (dim && dim->empty()) return launch<aclnnNeScalar>(k.in(self, 0), c10::Scalar(0), out);
    const at::Tensor truths = self.is_complex() ? at::ne(self, 0) : self;
    launch<Aclnn>(k.in(truths, accepted), all_dims(dim, self), keepdim, out);
  }
};

using all_op = truth_op<at::meta::structured_all_dims, aclnnAll, dtypes("?ucsilfhbd")>;
using any_op = truth_op<at::meta::structured_any_dims, aclnnAny, dtypes("?ucsilfhbd")>;

template <class Op>
at::Tensor truth(const at::Tensor& self, at::OptionalIntArrayRef dim, bool keepdim) {
  return run_functional<Op>(self, dim, keepdim);
}

template <class Op>
at::Tensor& truth_out(const at::Tensor& self, at::OptionalIntArrayRef dim, bool keepdim, at::Tensor& out) {
  return std::get<0>(run_out<Op>(std::tie(out), self, dim, keepdim));
}

// n / (n - correction): what turns a variance without correction into one with
// it.
double corrected(const at::Tensor& self, at::OptionalIntArrayRef dim, const c10::Scalar& correction) {
  double n = 1;
  for (int64_t d : all_dims(dim, self)) n *= static_cast<double>(self.size(d));
  return n / std::max(0.0, n - correction.toDouble());
}

// The variance of complex numbers: the sum of those of their parts.
void complex_var(const at::Tensor& self, at::OptionalIntArrayRef dim,
                 const std::optional<c10::Scalar>& correction, bool keepdim, at::Tensor out) {
  at::sum_out(out, at::var(at::view_as_real(self), all_dims(dim, self), correction, keepdim), -1);
}

bool whole(const c10::Scalar& s) { return s.toDouble() == std::floor(s.toDouble()); }

// What goes through several launches, in float32 if it is halves.
at::Tensor unrounded(const Call& k, const at::Tensor& self) {
  const at::Tensor x = k.in(self, dtypes("fhb"));
  return cast(x, at::kFloat);
}

template <bool root>
struct var_op {
  using Meta = shape::reduce;
  static constexpr const char* name = root ? "std" : "var";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(OutputsOf<var_op>& m, const at::Tensor& self, at::OptionalIntArrayRef dim,
                    const std::optional<c10::Scalar>&, bool keepdim) {
    m.meta(self, dim, keepdim);
  }
  static void run(Call& k, const at::Tensor& self, at::OptionalIntArrayRef dim,
                  const std::optional<c10::Scalar>& correction, bool keepdim) {
    if (self.is_complex()) {
      const at::Tensor& out = k.out(0, 0, c10::toRealValueType(self.scalar_type()));
      complex_var(self, dim, correction, keepdim, out);
      if constexpr (root) out.sqrt_();
      return;
    }
    c10::Scalar c = correction.value_or(1);
    if (whole(c)) {
      const at::Tensor x = k.in(self, dtypes("fhb")), &out = k.out(0, dtypes("fhb"), x.scalar_type());
      if constexpr (root)
        return launch<aclnnStd>(x, all_dims(dim, self), c.toLong(), keepdim, out);
      else
        return launch<aclnnVarCorrection>(x, all_dims(dim, self), c.toLong(), keepdim, out);
    }
    const at::Tensor x = unrounded(k, self), &out = k.out(0, 0, x.scalar_type());
    launch<aclnnVarCorrection>(x, all_dims(dim, self), int64_t{0}, keepdim, out);
    launch<aclnnMuls>(out, c10::Scalar(corrected(self, dim, c)), out);
    if constexpr (root) launch<aclnnSqrt>(out, out);
  }
};

template <bool root>
struct var_mean_op {
  using Meta = shape::reduce_pair;
  static constexpr const char* name = root ? "std_mean" : "var_mean";
  static constexpr size_t outputs = 2;
  static constexpr bool host_scalars = false;
  static void shape(OutputsOf<var_mean_op>& m, const at::Tensor& self, at::OptionalIntArrayRef dim,
                    const std::optional<c10::Scalar>&, bool keepdim) {
    m.meta(self, dim, keepdim);
  }
  static void run(Call& k, const at::Tensor& self, at::OptionalIntArrayRef dim,
                  const std::optional<c10::Scalar>& correction, bool keepdim) {
    using Aclnn = std::conditional_t<root, aclnnStdMeanCorrection, aclnnVarMean>;
    if (self.is_complex()) {
      complex_var(self, dim, correction, keepdim, k.out(0, 0));
      if constexpr (root) k.out(0, 0).sqrt_();
      at::Tensor mean = k.out(1, 0);
      return static_cast<void>(at::mean_out(mean, self, all_dims(dim, self), keepdim));
    }
    const c10::Scalar c = correction.value_or(1);
    if (whole(c))
      return launch<Aclnn>(k.in(self, dtypes("fhb")), all_dims(dim, self), c.toLong(), keepdim,
                           k.out(0, dtypes("fhb")), k.out(1, dtypes("fhb")));
    const at::Tensor x = unrounded(k, self), &spread = k.out(0, 0, x.scalar_type());
    const double factor = corrected(self, dim, c);
    launch<Aclnn>(x, all_dims(dim, self), int64_t{0}, keepdim, spread, k.out(1, 0, x.scalar_type()));
    launch<aclnnMuls>(spread, c10::Scalar(root ? std::sqrt(factor) : factor), spread);
  }
};

using OptionalScalar = std::optional<c10::Scalar>;

template <class Op>
at::Tensor var(const at::Tensor& self, at::OptionalIntArrayRef dim, const OptionalScalar& correction,
               bool keepdim) {
  return run_functional<Op>(self, dim, correction, keepdim);
}

template <class Op>
at::Tensor& var_out(const at::Tensor& self, at::OptionalIntArrayRef dim, const OptionalScalar& correction,
                    bool keepdim, at::Tensor& out) {
  return std::get<0>(run_out<Op>(std::tie(out), self, dim, correction, keepdim));
}

template <bool root>
std::tuple<at::Tensor, at::Tensor> var_mean(const at::Tensor& self, at::OptionalIntArrayRef dim,
                                            const OptionalScalar& correction, bool keepdim) {
  return run_functional<var_mean_op<root>>(self, dim, correction, keepdim);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"argmax", arg<argmax_op>>(m);
  impl<"argmax.out", arg_out<argmax_op>>(m);
  impl<"argmin", arg<argmin_op>>(m);
  impl<"argmin.out", arg_out<argmin_op>>(m);
  impl<"all.dims", truth<all_op>>(m);
  impl<"all.dims_out", truth_out<all_op>>(m);
  impl<"any.dims", truth<any_op>>(m);
  impl<"any.dims_out", truth_out<any_op>>(m);
  impl<"var.correction", var<var_op<false>>>(m);
  impl<"var.correction_out", var_out<var_op<false>>, Overlap::part>(m);
  impl<"std.correction", var<var_op<true>>>(m);
  impl<"std.correction_out", var_out<var_op<true>>, Overlap::part>(m);
  impl<"var_mean.correction", var_mean<false>>(m);
  impl<"std_mean.correction", var_mean<true>>(m);
}

}  // namespace npu::ops
