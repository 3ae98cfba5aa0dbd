// SPDX-License-Identifier: BSD-3-Clause
// Gradients of softmax and its logarithm. CANN has none in float64, which `dtype=torch.float64` asks for.
#include <ATen/ops/_log_softmax_backward_data_meta.h>
#include <ATen/ops/_softmax_backward_data_meta.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "structured.h"

namespace npu::ops {
namespace {

template <bool logarithm>
struct softmax_backward_op {
  using Meta = std::conditional_t<logarithm, at::meta::structured__log_softmax_backward_data,
                                  at::meta::structured__softmax_backward_data>;
  static constexpr const char* name = logarithm ? "_log_softmax_backward_data" : "_softmax_backward_data";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& grad, const at::Tensor& output, int64_t dim,
                    at::ScalarType input_dtype) {
    m.meta(grad, output, dim, input_dtype);
  }
  static void run(Call& k, const at::Tensor& grad, const at::Tensor& output, int64_t dim, at::ScalarType) {
    constexpr DtypeSet floats = dtypes("hfb");
    const auto dtype = output.scalar_type();
    at::Tensor out = k.out(0, dtypes("hfbd"), dtype);
    if (dtype == at::kDouble) {
      if constexpr (logarithm) {
        at::sub_out(out, grad, at::exp(output).mul_(at::sum(grad, dim, /*keepdim=*/true)));
      } else {
        const at::Tensor product = at::mul(grad, output);
        at::sub_out(out, product, at::mul(output, at::sum(product, dim, /*keepdim=*/true)));
      }
      return;
    }
    using Aclnn = std::conditional_t<logarithm, aclnnLogSoftmaxBackward, aclnnSoftmaxBackward>;
    launch<Aclnn>(k.in(grad, floats), k.in(output, floats), wrap_dim(dim, output), out);
  }
};

template <bool logarithm>
at::Tensor backward(const at::Tensor& grad, const at::Tensor& output, int64_t dim, at::ScalarType dtype) {
  return run_functional<softmax_backward_op<logarithm>>(grad, output, dim, dtype);
}
template <bool logarithm>
at::Tensor& backward_out(const at::Tensor& grad, const at::Tensor& output, int64_t dim, at::ScalarType dtype,
                         at::Tensor& out) {
  return std::get<0>(run_out<softmax_backward_op<logarithm>>(std::tie(out), grad, output, dim, dtype));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_softmax_backward_data", backward<false>>(m);
  impl<"_softmax_backward_data.out", backward_out<false>>(m);
  impl<"_log_softmax_backward_data", backward<true>>(m);
  impl<"_log_softmax_backward_data.out", backward_out<true>>(m);
}

}  // namespace npu::ops
