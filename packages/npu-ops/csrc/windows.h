// SPDX-License-Identifier: BSD-3-Clause
// Sliding windows over the last dimensions of a tensor, for pooling and
// convolution of integers, which CANN does not take.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>

namespace npu::ops {

// The elements under each window as a view of `t`, framed by `fill` where
// windows reach beyond it: the sizes of `t` with the last ones replaced by
// `size`, then those of `kernel`. All lists have one number a dimension.
at::Tensor windows(const at::Tensor& t, at::IntArrayRef size, at::IntArrayRef kernel, at::IntArrayRef stride,
                   at::IntArrayRef padding, at::IntArrayRef dilation, const c10::Scalar& fill);

// The largest element under each window and its place in its plane or volume.
std::tuple<at::Tensor, at::Tensor> largest_of_integers(const at::Tensor& t, at::IntArrayRef size,
                                                       at::IntArrayRef kernel, at::IntArrayRef stride,
                                                       at::IntArrayRef padding, at::IntArrayRef dilation);

// A convolution of integers, as aten::convolution; `size` is that of the
// result.
at::Tensor integer_convolution(const at::Tensor& input, const at::Tensor& weight, at::IntArrayRef size,
                               at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
                               bool transposed, int64_t groups);

}  // namespace npu::ops
