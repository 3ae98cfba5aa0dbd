// SPDX-License-Identifier: BSD-3-Clause
// Lines, planes and volumes of another size, beyond the two ways that resize.cpp has.
#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/_upsample_bicubic2d_aa_backward.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/_upsample_bilinear2d_aa_backward.h>
#include <ATen/ops/_upsample_nearest_exact1d.h>
#include <ATen/ops/_upsample_nearest_exact1d_backward.h>
#include <ATen/ops/_upsample_nearest_exact2d.h>
#include <ATen/ops/_upsample_nearest_exact2d_backward.h>
#include <ATen/ops/_upsample_nearest_exact3d.h>
#include <ATen/ops/_upsample_nearest_exact3d_backward.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bicubic2d_backward.h>
#include <ATen/ops/upsample_bilinear2d_backward.h>
#include <ATen/ops/upsample_linear1d.h>
#include <ATen/ops/upsample_linear1d_backward.h>
#include <ATen/ops/upsample_nearest1d.h>
#include <ATen/ops/upsample_nearest1d_backward.h>
#include <ATen/ops/upsample_nearest3d.h>
#include <ATen/ops/upsample_nearest3d_backward.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <ATen/ops/upsample_trilinear3d_backward.h>

#include "../kernel.h"
#include "../results.h"

namespace npu_sim::ops {

namespace {

using Dims = at::IntArrayRef;

// A scale that is not positive is the quotient of the sizes.
std::optional<double> scale(double s) { return s > 0 ? std::optional(s) : std::nullopt; }

}  // namespace

NPU_SIM_KERNEL(aclnnUpsampleNearest1d, rules::all<rules::resized1d, rules::keeps_dtype>) =
    [](In self, Dims size, Out out) { put(out, at::upsample_nearest1d(self, size)); };
NPU_SIM_KERNEL(aclnnUpsampleNearest1dV2, rules::all<rules::resized1d, rules::keeps_dtype>) =
    [](In self, Dims size, double s, Out out) { put(out, at::upsample_nearest1d(self, size, scale(s))); };
NPU_SIM_KERNEL(aclnnUpsampleNearest1dBackward, rules::resized1d_backward) = [](In grad, Dims size, Dims in,
                                                                               double s, Out out) {
  put(out, at::upsample_nearest1d_backward(grad, size, in, scale(s)));
};
NPU_SIM_KERNEL(aclnnUpsampleNearest3d, rules::all<rules::resized3d, rules::keeps_dtype>) =
    [](In self, Dims size, double d, double h, double w, Out out) {
      put(out, at::upsample_nearest3d(self, size, scale(d), scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleNearest3dBackward, rules::resized3d_backward) =
    [](In grad, Dims size, Dims in, double d, double h, double w, Out out) {
      put(out, at::upsample_nearest3d_backward(grad, size, in, scale(d), scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleNearestExact1d,
               rules::all<rules::resized1d, rules::keeps_dtype>) = [](In self, Dims size, double s, Out out) {
  put(out, at::_upsample_nearest_exact1d(self, size, scale(s)));
};
NPU_SIM_KERNEL(aclnnUpsampleNearestExact1dBackward,
               rules::resized1d_backward) = [](In grad, Dims size, Dims in, double s, Out out) {
  put(out, at::_upsample_nearest_exact1d_backward(grad, size, in, scale(s)));
};
NPU_SIM_KERNEL(aclnnUpsampleNearestExact2d, rules::all<rules::resized2d, rules::keeps_dtype>) =
    [](In self, Dims size, double h, double w, Out out) {
      put(out, at::_upsample_nearest_exact2d(self, size, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleNearestExact2dBackward,
               rules::resized2d_backward) = [](In grad, Dims size, Dims in, double h, double w, Out out) {
  put(out, at::_upsample_nearest_exact2d_backward(grad, size, in, scale(h), scale(w)));
};
NPU_SIM_KERNEL(aclnnUpsampleNearestExact3d, rules::all<rules::resized3d, rules::keeps_dtype>) =
    [](In self, Dims size, double d, double h, double w, Out out) {
      put(out, at::_upsample_nearest_exact3d(self, size, scale(d), scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleNearestExact3dBackward, rules::resized3d_backward) =
    [](In grad, Dims size, Dims in, double d, double h, double w, Out out) {
      put(out, at::_upsample_nearest_exact3d_backward(grad, size, in, scale(d), scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleLinear1d, rules::all<rules::resized1d, rules::keeps_dtype>) =
    [](In self, Dims size, bool align, double s, Out out) {
      put(out, at::upsample_linear1d(self, size, align, scale(s)));
    };
NPU_SIM_KERNEL(aclnnUpsampleLinear1dBackward, rules::resized1d_backward) = [](In grad, Dims size, Dims in,
                                                                              bool align, double s, Out out) {
  put(out, at::upsample_linear1d_backward(grad, size, in, align, scale(s)));
};
NPU_SIM_KERNEL(aclnnUpsampleBilinear2dBackward, rules::resized2d_backward) =
    [](In grad, Dims size, Dims in, bool align, double h, double w, Out out) {
      put(out, at::upsample_bilinear2d_backward(grad, size, in, align, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleBilinear2dAA, rules::all<rules::resized2d, rules::keeps_dtype>) =
    [](In self, Dims size, bool align, double h, double w, Out out) {
      put(out, at::_upsample_bilinear2d_aa(self, size, align, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleBilinear2dAABackward, rules::resized2d_backward) =
    [](In grad, Dims size, Dims in, bool align, double h, double w, Out out) {
      put(out, at::_upsample_bilinear2d_aa_backward(grad, size, in, align, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleBicubic2d, rules::all<rules::resized2d, rules::keeps_dtype>) =
    [](In self, Dims size, bool align, double h, double w, Out out) {
      put(out, at::upsample_bicubic2d(self, size, align, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleBicubic2dBackward, rules::resized2d_backward) =
    [](In grad, Dims size, Dims in, bool align, double h, double w, Out out) {
      put(out, at::upsample_bicubic2d_backward(grad, size, in, align, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleBicubic2dAA, rules::all<rules::resized2d, rules::keeps_dtype>) =
    [](In self, Dims size, bool align, double h, double w, Out out) {
      put(out, at::_upsample_bicubic2d_aa(self, size, align, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleBicubic2dAAGrad, rules::resized2d_backward) =
    [](In grad, Dims size, Dims in, bool align, double h, double w, Out out) {
      put(out, at::_upsample_bicubic2d_aa_backward(grad, size, in, align, scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleTrilinear3d, rules::all<rules::resized3d, rules::keeps_dtype>) =
    [](In self, Dims size, bool align, double d, double h, double w, Out out) {
      put(out, at::upsample_trilinear3d(self, size, align, scale(d), scale(h), scale(w)));
    };
NPU_SIM_KERNEL(aclnnUpsampleTrilinear3dBackward, rules::resized3d_backward) =
    [](In grad, Dims size, Dims in, bool align, double d, double h, double w, Out out) {
      put(out, at::upsample_trilinear3d_backward(grad, size, in, align, scale(d), scale(h), scale(w)));
    };

}  // namespace npu_sim::ops
