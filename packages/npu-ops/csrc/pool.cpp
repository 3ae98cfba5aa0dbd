// SPDX-License-Identifier: BSD-3-Clause
// The gradient of max pooling. Atlas A2 computes it in float32 from int32 indices and for windows without
// gaps only; for others every gradient is added where its maximum was.
#include <ATen/ops/max_pool2d_with_indices_backward_meta.h>
#include <ATen/ops/zeros.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "structured.h"

namespace npu::ops {
namespace {

struct max_pool2d_backward_op {
  using Meta = at::meta::structured_max_pool2d_with_indices_backward;
  static constexpr const char* name = "max_pool2d_with_indices_backward";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(OutputsOf<max_pool2d_backward_op>& m, const at::Tensor& grad, const at::Tensor& self,
                    at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding,
                    at::IntArrayRef dilation, bool ceil, const at::Tensor& indices) {
    m.meta(grad, self, kernel, stride, padding, dilation, ceil, indices);
  }
  static void run(Call& k, const at::Tensor& grad, const at::Tensor& self, at::IntArrayRef kernel,
                  at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool ceil,
                  const at::Tensor& indices) {
    check_dtype(name, self, dtypes("fhb"));
    const at::Tensor& out = k.out(0, dtypes("f"), at::kFloat);
    at::Tensor g = cast(grad, at::kFloat);
    for (int64_t d : dilation)
      if (d != 1) return scatter(g, indices, out);
    launch<aclnnMaxPool2dWithIndicesBackward>(g, cast(self, at::kFloat), cast(indices, at::kInt),
                                              pair(kernel), pair(stride, kernel), pair(padding),
                                              pair(dilation), ceil, out);
  }
  static void scatter(const at::Tensor& grad, const at::Tensor& indices, const at::Tensor& out) {
    const int64_t plane = out.size(-1) * out.size(-2), planes = out.numel() / plane;
    at::Tensor zeros = at::zeros({planes, plane}, out.options());
    at::Tensor flat = out.is_contiguous() ? out.view({planes, plane}) : zeros;
    launch<aclnnScatterAdd>(zeros, int64_t{1}, dense(indices).view({planes, -1}),
                            dense(grad).view({planes, -1}), flat);
    if (flat.is_same(zeros)) device_copy(out, zeros.view(out.sizes()));
  }
};

at::Tensor max_pool2d_backward(const at::Tensor& grad, const at::Tensor& self, at::IntArrayRef kernel,
                               at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
                               bool ceil, const at::Tensor& indices) {
  return run_functional<max_pool2d_backward_op>(grad, self, kernel, stride, padding, dilation, ceil, indices);
}

at::Tensor& max_pool2d_backward_out(const at::Tensor& grad, const at::Tensor& self, at::IntArrayRef kernel,
                                    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
                                    bool ceil, const at::Tensor& indices, at::Tensor& out) {
  return std::get<0>(run_out<max_pool2d_backward_op>(std::tie(out), grad, self, kernel, stride, padding,
                                                     dilation, ceil, indices));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"max_pool2d_with_indices_backward", max_pool2d_backward>(m);
  impl<"max_pool2d_with_indices_backward.grad_input", max_pool2d_backward_out>(m);
}

}  // namespace npu::ops
