// SPDX-License-Identifier: BSD-3-Clause
// Planes of another size: interpolation, adaptive pooling, padding and windows as columns.
#include <ATen/ops/adaptive_max_pool2d.h>
#include <ATen/ops/adaptive_max_pool2d_backward.h>
#include <ATen/ops/col2im.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/im2col.h>
#include <ATen/ops/reflection_pad1d.h>
#include <ATen/ops/reflection_pad1d_backward.h>
#include <ATen/ops/reflection_pad2d.h>
#include <ATen/ops/reflection_pad2d_backward.h>
#include <ATen/ops/reflection_pad3d.h>
#include <ATen/ops/reflection_pad3d_backward.h>
#include <ATen/ops/replication_pad1d.h>
#include <ATen/ops/replication_pad1d_backward.h>
#include <ATen/ops/replication_pad2d.h>
#include <ATen/ops/replication_pad2d_backward.h>
#include <ATen/ops/replication_pad3d.h>
#include <ATen/ops/replication_pad3d_backward.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_bilinear2d_backward.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/upsample_nearest2d_backward.h>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;
using Dims = at::IntArrayRef;
using rules::Shape;
using rules::Sizes;

// A scale that is not positive is the quotient of the sizes.
std::optional<double> scale(double s) { return s > 0 ? std::optional(s) : std::nullopt; }

void adaptive_max_pool2d_backward(const Call& c) {
  rules::expect_shape(c, "indices", at(c, "indices"), at(c, "gradOutput").sizes(), "that of 'gradOutput'");
  rules::like_self(c);
}

// 'self' with two numbers for each of the last dims, the last one's first.
Shape with_padding(const Call& c, const char* name) {
  const auto& self = at(c, "self");
  const Sizes pad = rules::numbers(c, name);
  if (pad.size() % 2 || pad.size() / 2 > self.ndim)
    rules::refuse(c, name, rules::text(pad),
                  "two numbers for each of at most " + std::to_string(self.ndim) + " dims");
  Shape s = rules::shape(self);
  for (size_t i = 0; i < pad.size() / 2; ++i) s[self.ndim - 1 - i] += pad[2 * i] + pad[2 * i + 1];
  return s;
}

void padded(const Call& c) {
  rules::expect_outputs(c, with_padding(c, "pad"), "that of 'self' with 'pad'");
  rules::keeps_dtype(c);
}

// Padding by elements of 'self' itself, over `kDims` dims; reflection has one of each at most.
template <size_t kDims, bool kReflects>
Shape extended(const Call& c) {
  const auto& self = at(c, "self");
  const Sizes pad = rules::numbers(c, "padding");
  if (pad.size() != 2 * kDims)
    rules::refuse(c, "padding", rules::text(pad), std::to_string(2 * kDims) + " numbers");
  if (self.ndim != kDims + 1 && self.ndim != kDims + 2)
    rules::refuse(c, "self", nnop::describe(self),
                  std::to_string(kDims + 1) + " or " + std::to_string(kDims + 2) + " dims");
  for (size_t i = 0; kReflects && i < pad.size(); ++i)
    if (pad[i] >= self.sizes()[self.ndim - 1 - i / 2])
      rules::refuse(c, "padding", rules::text(pad), "less than the sizes of " + nnop::describe(self));
  return with_padding(c, "padding");
}
template <size_t kDims, bool kReflects>
void extend(const Call& c) {
  rules::expect_outputs(c, extended<kDims, kReflects>(c), "that of 'self' with 'padding'");
  rules::keeps_dtype(c);
}
template <size_t kDims, bool kReflects>
void extend_backward(const Call& c) {
  rules::expect_shape(c, "gradOutput", at(c, "gradOutput"), extended<kDims, kReflects>(c),
                      "that of 'self' with 'padding'");
  rules::like_self(c);
}

// [N, C, H, W] as columns: [N, C * kernel, windows].
Shape columns(const Call& c, Sizes image) {
  const Sizes kernel = rules::numbers(c, "kernelSize"), dilation = rules::numbers(c, "dilation"),
              padding = rules::numbers(c, "padding"), stride = rules::numbers(c, "stride");
  int64_t windows = 1;
  for (size_t i = 0; i < 2; ++i) {
    for (auto [name, v] :
         {std::pair("kernelSize", kernel), std::pair("dilation", dilation), std::pair("stride", stride)})
      if (v.size() != 2 || v[i] < 1) rules::refuse(c, name, rules::text(v), "two numbers, at least 1");
    if (padding.size() != 2 || padding[i] < 0)
      rules::refuse(c, "padding", rules::text(padding), "two numbers, at least 0");
    const int64_t size = image[image.size() - 2 + i];
    windows *= (size + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
  }
  const int64_t rows = image[image.size() - 3] * kernel[0] * kernel[1];
  return image.size() == 4 ? Shape{image[0], rows, windows} : Shape{rows, windows};
}

void im2col(const Call& c) {
  const auto& self = at(c, "self");
  if (self.ndim != 3 && self.ndim != 4) rules::refuse(c, "self", nnop::describe(self), "3 or 4 dims");
  rules::expect_outputs(c, columns(c, self.sizes()), "that of the windows as columns");
  rules::keeps_dtype(c);
}

void im2col_backward(const Call& c) {
  const auto [name, out] = rules::first_output(c);
  if (out.ndim != 3 && out.ndim != 4) rules::refuse(c, name.name, nnop::describe(out), "3 or 4 dims");
  const Sizes size = rules::numbers(c, "inputSize");
  if (!rules::equal(size, out.sizes().last(2)))
    rules::refuse(c, "inputSize", rules::text(size), "the last sizes of " + nnop::describe(out));
  rules::expect_shape(c, "gradOutput", at(c, "gradOutput"), columns(c, out.sizes()),
                      "that of the windows as columns");
}

}  // namespace

NPU_SIM_KERNEL(aclnnUpsampleNearest2dV2, rules::all<rules::resized2d, rules::keeps_dtype>) =
    [](In self, Dims size, double h, double w, Out out) {
      out.copy_(at::upsample_nearest2d(self, size, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleNearest2dBackward, rules::resized2d_backward) = [](In grad, Dims size, Dims in,
                                                                               double h, double w, Out out) {
  out.copy_(at::upsample_nearest2d_backward(grad, size, in, scale(h), scale(w)));
};
NPU_SIM_KERNEL(aclnnUpsampleBilinear2d, rules::all<rules::resized2d, rules::keeps_dtype>) =
    [](In self, Dims size, bool align, double h, double w, Out out) {
      out.copy_(at::upsample_bilinear2d(self, size, align, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleBilinear2dBackwardV2, rules::resized2d_backward) =
    [](In grad, Dims size, Dims in, bool align, double h, double w, Out out) {
      out.copy_(at::upsample_bilinear2d_backward(grad, size, in, align, scale(h), scale(w)));
    };

NPU_SIM_KERNEL(aclnnAdaptiveMaxPool2d, rules::resized2d) = [](In self, Dims size, Out out, Out indices) {
  auto [o, i] = at::adaptive_max_pool2d(self, size);
  out.copy_(o);
  indices.copy_(i);
};
NPU_SIM_KERNEL(aclnnAdaptiveMaxPool2dBackward, adaptive_max_pool2d_backward) = [](In grad, In self,
                                                                                  In indices, Out out) {
  out.copy_(at::adaptive_max_pool2d_backward(grad, self, indices.to(at::kLong)));
};

NPU_SIM_KERNEL(aclnnConstantPadNd, padded) = [](In self, Dims pad, Num value, Out out) {
  out.copy_(at::constant_pad_nd(self, pad, value));
};

NPU_SIM_KERNEL(aclnnReflectionPad1d, extend<1, true>) = [](In self, Dims pad, Out out) {
  out.copy_(at::reflection_pad1d(self, pad));
};
NPU_SIM_KERNEL(aclnnReflectionPad1dBackward, extend_backward<1, true>) =
    [](In grad, In self, Dims pad, Out out) { out.copy_(at::reflection_pad1d_backward(grad, self, pad)); };
NPU_SIM_KERNEL(aclnnReflectionPad2d, extend<2, true>) = [](In self, Dims pad, Out out) {
  out.copy_(at::reflection_pad2d(self, pad));
};
NPU_SIM_KERNEL(aclnnReflectionPad2dBackward, extend_backward<2, true>) =
    [](In grad, In self, Dims pad, Out out) { out.copy_(at::reflection_pad2d_backward(grad, self, pad)); };
NPU_SIM_KERNEL(aclnnReplicationPad1d, extend<1, false>) = [](In self, Dims pad, Out out) {
  out.copy_(at::replication_pad1d(self, pad));
};
NPU_SIM_KERNEL(aclnnReplicationPad1dBackward, extend_backward<1, false>) =
    [](In grad, In self, Dims pad, Out out) { out.copy_(at::replication_pad1d_backward(grad, self, pad)); };
NPU_SIM_KERNEL(aclnnReplicationPad2d, extend<2, false>) = [](In self, Dims pad, Out out) {
  out.copy_(at::replication_pad2d(self, pad));
};
NPU_SIM_KERNEL(aclnnReplicationPad2dBackward, extend_backward<2, false>) =
    [](In grad, In self, Dims pad, Out out) { out.copy_(at::replication_pad2d_backward(grad, self, pad)); };
NPU_SIM_KERNEL(aclnnReflectionPad3d, extend<3, true>) = [](In self, Dims pad, Out out) {
  out.copy_(at::reflection_pad3d(self, pad));
};
NPU_SIM_KERNEL(aclnnReflectionPad3dBackward, extend_backward<3, true>) =
    [](In grad, In self, Dims pad, Out out) { out.copy_(at::reflection_pad3d_backward(grad, self, pad)); };
NPU_SIM_KERNEL(aclnnReplicationPad3d, extend<3, false>) = [](In self, Dims pad, Out out) {
  out.copy_(at::replication_pad3d(self, pad));
};
NPU_SIM_KERNEL(aclnnReplicationPad3dBackward, extend_backward<3, false>) =
    [](In grad, In self, Dims pad, Out out) { out.copy_(at::replication_pad3d_backward(grad, self, pad)); };

NPU_SIM_KERNEL(aclnnIm2col, im2col) = [](In self, Dims kernel, Dims dilation, Dims padding, Dims stride,
                                         Out out) {
  out.copy_(at::im2col(self, kernel, dilation, padding, stride));
};
NPU_SIM_KERNEL(aclnnIm2colBackward, im2col_backward) = [](In grad, Dims size, Dims kernel, Dims dilation,
                                                          Dims padding, Dims stride, Out out) {
  out.copy_(at::col2im(grad, size, kernel, dilation, padding, stride));
};

}  // namespace npu_sim::ops
