// SPDX-License-Identifier: BSD-3-Clause
// Max pooling that remembers winners as bits: for every plane and every position in the window a row of bits,
// one an output element, set where that position won. The layout is private to forward and backward.
#include <ATen/ops/full.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/max_pool2d_with_indices_backward.h>
#include <ATen/ops/zeros_like.h>

#include "../kernel.h"

namespace npu_sim::ops {

namespace {

using Dims = at::IntArrayRef;

// Where windows lie, and where the bits of a plane do.
struct Windows {
  int64_t kh, kw, sh, sw, ph, pw, dh, dw;
  int64_t width, out_width, outputs, planes, row_bytes;

  Windows(In input, In output, In mask, Dims kernel, Dims stride, Dims padding, Dims dilation) {
    auto two = [](Dims v, int64_t& a, int64_t& b) {
      a = v[0];
      b = v[v.size() - 1];
    };
    two(kernel, kh, kw);
    two(stride.empty() ? kernel : stride, sh, sw);
    two(padding, ph, pw);
    two(dilation, dh, dw);
    width = input.size(-1);
    out_width = output.size(-1);
    outputs = output.size(-1) * output.size(-2);
    planes = outputs ? output.numel() / outputs : 0;
    row_bytes = planes ? mask.numel() / (planes * kh * kw) : 0;
    if (row_bytes * 8 < outputs)
      throw std::runtime_error("a mask of " + std::to_string(mask.numel()) + " bytes is too small");
  }

  // The input element, within its plane, at window position (i, j) of output element o.
  int64_t element(int64_t o, int64_t i, int64_t j) const {
    return (o / out_width * sh - ph + i * dh) * width + o % out_width * sw - pw + j * dw;
  }

  // Calls f(plane, o, element, byte, bit) for every window position of every output.
  template <class F>
  void each(F f) const {
    for (int64_t p = 0; p < planes; ++p)
      for (int64_t k = 0; k < kh * kw; ++k)
        for (int64_t o = 0; o < outputs; ++o)
          f(p * outputs + o, element(o, k / kw, k % kw), (p * kh * kw + k) * row_bytes + o / 8, o % 8);
  }
};

}  // namespace

NPU_SIM_KERNEL(aclnnMaxPool2dWithMask, rules::pool2d_values, rules::output_bytes) =
    [](In self, Dims kernel, Dims stride, Dims padding, Dims dilation, bool ceil, Out out, Out mask) {
      auto [o, winners] = at::max_pool2d_with_indices(self, kernel, stride, padding, dilation, ceil);
      out.copy_(o);
      at::Tensor bits = at::zeros_like(mask, at::TensorOptions(), at::MemoryFormat::Contiguous);
      auto* to = static_cast<uint8_t*>(bits.data_ptr());
      const at::Tensor dense = winners.contiguous();
      const auto* won = dense.const_data_ptr<int64_t>();
      Windows(self, o, mask, kernel, stride, padding, dilation)
          .each([&](int64_t at, int64_t element, int64_t byte, int64_t bit) {
            if (won[at] == element) to[byte] = static_cast<uint8_t>(to[byte] | 1 << bit);
          });
      mask.copy_(bits);
    };

NPU_SIM_KERNEL(aclnnMaxPool2dWithMaskBackward, rules::like_self) =
    [](In grad, In self, In mask, Dims kernel, Dims stride, Dims padding, Dims dilation, bool ceil, Out out) {
      const at::Tensor bits = mask.contiguous();
      const auto* from = static_cast<const uint8_t*>(bits.const_data_ptr());
      // The mask is the caller's: an output without a winner, or with one in the padding, has no gradient.
      at::Tensor winners = at::full(grad.sizes(), -1, at::TensorOptions().dtype(at::kLong));
      const int64_t plane = self.size(-1) * self.size(-2);
      auto* won = winners.data_ptr<int64_t>();
      Windows(self, grad, mask, kernel, stride, padding, dilation)
          .each([&](int64_t at, int64_t element, int64_t byte, int64_t bit) {
            if (from[byte] >> bit & 1 && element >= 0 && element < plane) won[at] = element;
          });
      out.copy_(at::max_pool2d_with_indices_backward(grad.masked_fill(winners.lt(0), 0), self, kernel, stride,
                                                     padding, dilation, ceil, winners.clamp_min(0)));
    };

}  // namespace npu_sim::ops
