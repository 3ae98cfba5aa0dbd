// SPDX-License-Identifier: BSD-3-Clause
// Running extremes, medians of everything, products of vectors, distances of points.
#include <ATen/ExpandUtils.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <limits>

#include "aclnn_ops.h"
#include "kernel.h"
#include "shapes.h"
#include "structured.h"

namespace npu::ops {
namespace {

template <class Aclnn>
void running_extreme(const at::Tensor& self, at::Tensor& values, at::Tensor& indices, int64_t dim) {
  c10::DeviceGuard guard(common_device("cummax", false, self, values, indices));
  check_dtype(std::is_same_v<Aclnn, aclnnCummax> ? "cummax" : "cummin", self, dtypes("hfducsil?b"));
  if (self.numel()) launch<Aclnn>(self, wrap_dim(dim, self), values, indices);
}

template <class Aclnn>
struct median_op {
  using Meta = shape::middle;
  static constexpr const char* name = "median";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self) { m.meta(self); }
  static void run(Call& k, const at::Tensor& self) {
    const at::Tensor& out = k.out(0, 0);
    if (self.numel()) return launch<Aclnn>(k.in(self, dtypes("fhucsilb")), out);
    // Of nothing: NaN, or the number that an integer conversion makes of it.
    if (self.is_floating_point()) return fill_value(out, std::numeric_limits<double>::quiet_NaN());
    fill_value(out, self.scalar_type() == at::kLong ? std::numeric_limits<int64_t>::lowest() : 0);
  }
};
template <class Aclnn>
at::Tensor median_npu(const at::Tensor& self) {
  return run_functional<median_op<Aclnn>>(self);
}

// CANN multiplies vectors of some dtypes; others go element by element.
at::Tensor dot_of(const at::Tensor& self, const at::Tensor& tensor) {
  if (!(dtypes("bhfciu") & bit(self.scalar_type())) || self.numel() == 0)
    return at::sum(at::mul(self, tensor), self.scalar_type());
  at::Tensor out = empty({}, self.scalar_type());
  launch<aclnnDot>(self, tensor, out);
  return out;
}

struct check_dot : shape::dot {
  void set_output_strided(int64_t, at::IntArrayRef, at::IntArrayRef, at::TensorOptions) override {}
  void set_output_raw_strided(int64_t, at::IntArrayRef, at::IntArrayRef, at::TensorOptions) override {}
  const at::Tensor& maybe_get_output(int64_t) override { return none_; }

 private:
  at::Tensor none_;
};

at::Tensor dot_npu(const at::Tensor& self, const at::Tensor& tensor) {
  c10::DeviceGuard guard(common_device("dot", false, self, tensor));
  check_dot().meta(self, tensor);
  return dot_of(self, tensor);
}

at::Tensor vdot_npu(const at::Tensor& self, const at::Tensor& other) {
  c10::DeviceGuard guard(common_device("vdot", false, self, other));
  check_dot().meta(self, other);
  return dot_of(self.is_complex() ? self.conj() : self, other);
}

at::Tensor cdist_forward(const at::Tensor& a, const at::Tensor& b, double p, std::optional<int64_t> mode) {
  c10::DeviceGuard guard(common_device("cdist", false, a, b));
  TORCH_CHECK(a.dim() >= 2 && b.dim() >= 2, "cdist only supports at least 2D tensors, X1 got: ", a.dim(),
              "D and X2 got: ", b.dim(), "D");
  TORCH_CHECK(a.size(-1) == b.size(-1), "X1 and X2 must have the same number of columns. X1: ", a.size(-1),
              " X2: ", b.size(-1));
  TORCH_CHECK(p >= 0, "cdist only supports non-negative p values");
  check_dtype("cdist", a, dtypes("fhb"));
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), "cdist: X1 is ", a.scalar_type(), " and X2 is ",
              b.scalar_type(), "; they must have one dtype");
  at::DimVector sizes =
      at::infer_size_dimvector(a.sizes().slice(0, a.dim() - 2), b.sizes().slice(0, b.dim() - 2));
  sizes.append({a.size(-2), b.size(-2)});
  at::Tensor out = empty(sizes, a.scalar_type());
  if (out.numel() == 0) return out;
  if (a.size(-1) == 0) return out.zero_();
  launch<aclnnCdist>(a, b, p, mode.value_or(0), out);
  return out;
}

at::Tensor cdist_backward(const at::Tensor& grad, const at::Tensor& a, const at::Tensor& b, double p,
                          const at::Tensor& distances) {
  c10::DeviceGuard guard(common_device("_cdist_backward", false, grad, a, b, distances));
  check_dtype("_cdist_backward", a, dtypes("fhb"));
  at::DimVector batch =
      at::infer_size_dimvector(a.sizes().slice(0, a.dim() - 2), b.sizes().slice(0, b.dim() - 2));
  auto rows = [&](const at::Tensor& t) {
    at::DimVector sizes = batch;
    sizes.append({t.size(-2), t.size(-1)});
    return t.expand(sizes);
  };
  at::Tensor x = rows(a), y = rows(b), out = empty(x.sizes(), a.scalar_type());
  if (out.numel() == 0) return out;
  if (y.numel() == 0) return out.zero_();
  launch<aclnnCdistBackward>(dense(grad), dense(x), dense(y), distances, p, out);
  return out;
}

at::Tensor pdist_forward(const at::Tensor& self, double p) {
  c10::DeviceGuard guard(self.device());
  check_dtype("pdist", self, dtypes("hf"));
  const int64_t n = self.size(0);
  at::Tensor out = empty({n > 1 ? n * (n - 1) / 2 : 0}, self.scalar_type());
  if (out.numel() == 0) return out;
  if (self.size(1) == 0) return out.zero_();
  launch<aclnnPdist>(self, p, out);
  return out;
}

// Each pair's gradient and distance at both its places of a square, whose rows are then points among points.
at::Tensor pdist_backward(const at::Tensor& grad, const at::Tensor& self, double p,
                          const at::Tensor& distances) {
  c10::DeviceGuard guard(common_device("_pdist_backward", false, grad, self, distances));
  check_dtype("_pdist_backward", self, dtypes("hf"));
  const int64_t n = self.size(0);
  if (self.numel() == 0 || n < 2) return at::zeros_like(self);
  const at::Tensor above = at::ones({n, n}, self.options().dtype(at::kBool)).triu_(1);
  auto square = [&](const at::Tensor& pairs) {
    const at::Tensor half = at::zeros({n, n}, pairs.options()).masked_scatter_(above, pairs);
    return half.add(half.transpose(0, 1));
  };
  return cdist_backward(square(grad), self, self, p, square(distances));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_cummax_helper", running_extreme<aclnnCummax>>(m);
  impl<"_cummin_helper", running_extreme<aclnnCummin>>(m);
  impl<"median", median_npu<aclnnMedian>>(m);
  impl<"nanmedian", median_npu<aclnnNanMedian>>(m);
  impl<"dot", dot_npu>(m);
  impl<"vdot", vdot_npu>(m);
  impl<"_cdist_forward", cdist_forward>(m);
  impl<"_cdist_backward", cdist_backward>(m);
  impl<"_pdist_forward", pdist_forward>(m);
  impl<"_pdist_backward", pdist_backward>(m);
}

}  // namespace npu::ops
