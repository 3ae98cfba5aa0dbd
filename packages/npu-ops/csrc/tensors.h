// SPDX-License-Identifier: BSD-3-Clause
// Making and converting tensors on the device without going through the
// dispatcher.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/Scalar.h>

#include <optional>

namespace npu::ops {

// An uninitialised tensor on the current device. Empty `strides`: contiguous in
// `format`.
at::Tensor empty(at::IntArrayRef sizes, c10::ScalarType dtype, at::IntArrayRef strides = {},
                 std::optional<c10::MemoryFormat> format = std::nullopt);

// The same in the shape and the order in memory of `t`.
at::Tensor empty_as(const at::Tensor& t, c10::ScalarType dtype);

// `t` itself, or its elements converted to `dtype` in a new tensor.
at::Tensor cast(const at::Tensor& t, c10::ScalarType dtype);

// `t` itself if it is contiguous, or a contiguous copy.
at::Tensor dense(const at::Tensor& t);

// The same memory as integers as wide as the elements: to move elements of a
// dtype that CANN does not know.
at::Tensor as_integers(const at::Tensor& t);

// Copies between two tensors of one device: any strides, any dtypes.
void device_copy(const at::Tensor& dst, const at::Tensor& src);

// RuntimeError, as torch words it, if `dtype` cannot hold `value`.
void check_fits(c10::ScalarType dtype, const c10::Scalar& value);

void fill_value(const at::Tensor& self, const c10::Scalar& value);

// Whether `t` is a CPU tensor of no dimension, such as the number in `x + 2`.
inline bool is_host_scalar(const at::Tensor& t) { return t.defined() && t.device().is_cpu() && t.dim() == 0; }

c10::Scalar host_scalar(const at::Tensor& t);

// Resizes `out` for a result, warning as torch does when it held data of
// another shape.
void resize_out(const at::Tensor& out, at::IntArrayRef sizes, at::IntArrayRef strides,
                const at::TensorOptions& options);

// RuntimeError, as torch words it, if results of dtype `from` are no use for an `out` of dtype `to`.
void check_casts(c10::ScalarType from, c10::ScalarType to);

// Writes a result into `out`, which is resized for it. RuntimeError, as torch words it, if the dtypes differ.
at::Tensor& give(at::Tensor& out, const at::Tensor& result);

}  // namespace npu::ops
