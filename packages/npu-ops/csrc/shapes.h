// SPDX-License-Identifier: BSD-3-Clause
// Shape rules for operators that PyTorch does not describe by a structured meta. A table entry names one in
// its field `shape`; codegen/rules.py lists and documents them.
#pragma once

#include <ATen/TensorIterator.h>
#include <ATen/TensorMeta.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/sub_meta.h>

#include "tensors.h"

namespace npu::ops::shape {

// The operand's shape, dtype and order of dimensions in memory.
struct like : at::impl::MetaBase {
  void meta(const at::Tensor& t);
};

// The same, and an empty second result, which CANN has no use for.
struct with_buffer : like {
  void meta(const at::Tensor& t) {
    like::meta(t);
    set_output_raw_strided(1, {0}, {}, t.options());
  }
};

struct flipped : like {
  void meta(const at::Tensor& t, at::IntArrayRef dims);
};

struct rolled : like {
  void meta(const at::Tensor& t, at::IntArrayRef shifts, at::IntArrayRef dims);
};

// One element of the operand's dtype.
struct one : at::impl::MetaBase {
  void meta(const at::Tensor& t) {
    TORCH_CHECK(t.numel() > 0,
                "Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument.");
    set_output_raw_strided(0, {}, {}, t.options());
  }
};

struct total : at::impl::MetaBase {
  void meta(const at::Tensor& t, std::optional<c10::ScalarType> dtype) {
    auto natural = c10::isIntegralType(t.scalar_type(), true) ? c10::kLong : t.scalar_type();
    set_output_raw_strided(0, {}, {}, t.options().dtype(dtype.value_or(natural)));
  }
};

// Elementwise over one operand.
struct unary : at::TensorIteratorBase {
  void meta(const at::Tensor& a) { build_borrowing_unary_op(maybe_get_output(), a); }
};

// The same with a floating-point result.
struct unary_float : at::TensorIteratorBase {
  void meta(const at::Tensor& a) { build_borrowing_unary_float_op(maybe_get_output(), a); }
};

// The same with a real result of a complex operand.
struct magnitude : at::TensorIteratorBase {
  void meta(const at::Tensor& a);
};

// A floating-point result, real of a complex operand.
struct phase : at::TensorIteratorBase {
  void meta(const at::Tensor& a);
};

// Real and imaginary parts, or absolute values and angles.
struct complex : at::TensorIteratorBase {
  void meta(const at::Tensor& a, const at::Tensor& b);
};

// As PyTorch has it for sub, with its checks of bool operands.
using difference = at::meta::structured_sub_Tensor;

// Elementwise over two broadcast operands, promoted as torch promotes.
struct binary : at::TensorIteratorBase {
  void meta(const at::Tensor& a, const at::Tensor& b) { build_borrowing_binary_op(maybe_get_output(), a, b); }
};

// The same with a bool result.
struct compare : at::TensorIteratorBase {
  void meta(const at::Tensor& a, const at::Tensor& b) { build_comparison_op(maybe_get_output(), a, b); }
};

// A bool for each element of one operand.
struct test : at::TensorIteratorBase {
  void meta(const at::Tensor& a) {
    build(
        at::TensorIteratorConfig()
            .set_check_mem_overlap(true)
            .check_all_same_dtype(false)
            .declare_static_dtype(maybe_get_output().defined() ? maybe_get_output().scalar_type() : at::kBool)
            .add_output(maybe_get_output())
            .add_const_input(a));
  }
};

struct where : at::TensorIteratorBase {
  void meta(const at::Tensor& condition, const at::Tensor& a, const at::Tensor& b);
};

struct reduce : at::impl::MetaBase {
  void meta(const at::Tensor& t, at::OptionalIntArrayRef dims, bool keepdim) { results(1, t, dims, keepdim); }

 protected:
  void results(int64_t n, const at::Tensor& t, at::OptionalIntArrayRef dims, bool keepdim);
};

struct reduce_pair : reduce {
  void meta(const at::Tensor& t, at::OptionalIntArrayRef dims, bool keepdim) { results(2, t, dims, keepdim); }
};

struct summed : at::impl::MetaBase {
  void meta(const at::Tensor& t, at::OptionalIntArrayRef dims, bool keepdim,
            std::optional<c10::ScalarType> dtype);
};

// One element along a dimension, and its place.
struct ranked : at::impl::MetaBase {
  void meta(const at::Tensor& t, int64_t dim, bool keepdim);
};
struct kth : ranked {
  void meta(const at::Tensor& t, int64_t k, int64_t dim, bool keepdim);
};

struct middle : at::impl::MetaBase {
  void meta(const at::Tensor& t) { set_output_raw_strided(0, {}, {}, t.options()); }
};

struct traced : at::impl::MetaBase {
  void meta(const at::Tensor& t) {
    TORCH_CHECK(t.dim() == 2, "trace: expected a matrix, but got tensor with dim ", t.dim());
    auto dtype = c10::isIntegralType(t.scalar_type(), true) ? c10::kLong : t.scalar_type();
    set_output_raw_strided(0, {}, {}, t.options().dtype(dtype));
  }
};

struct bins : at::impl::MetaBase {
  void meta(const at::Tensor& t, int64_t n, const c10::Scalar& from, const c10::Scalar& to);
};

struct batches : at::impl::MetaBase {
  void meta(const at::Tensor& t, const at::Tensor& a, const at::Tensor& b);
};

struct wide_product : at::impl::MetaBase {
  void meta(const at::Tensor& a, const at::Tensor& b, c10::ScalarType dtype);
};

struct taken : at::impl::MetaBase {
  void meta(const at::Tensor& t, const at::Tensor& index);
};

struct put : at::impl::MetaBase {
  void meta(const at::Tensor& t, const at::Tensor& index, const at::Tensor& source);
};

struct dot : at::impl::MetaBase {
  void meta(const at::Tensor& a, const at::Tensor& b);
};

struct loss : like {
  void meta(const at::Tensor& t, int64_t reduction) {
    if (reduction == 0) return like::meta(t);
    set_output_raw_strided(0, {}, {}, t.options());
  }
};

// RuntimeError naming the operator unless `target` holds classes: torch takes int64, or uint8.
void check_classes(const char* op, const at::Tensor& target, const at::Tensor& scores);

struct nll_loss2d : at::impl::MetaBase {
  void meta(const at::Tensor& t, const at::Tensor& target, int64_t reduction);
};

struct vector : at::impl::MetaBase {
  void meta(int64_t n) {
    TORCH_CHECK(n >= 0, "number of steps must be non-negative");
    set_output_raw_strided(0, {n}, {}, maybe_get_output(0).options());
  }
};

struct matrix : at::impl::MetaBase {
  void meta(int64_t n, int64_t m) {
    TORCH_CHECK(n >= 0, "n must be greater or equal to 0, got ", n);
    TORCH_CHECK(m >= 0, "m must be greater or equal to 0, got ", m);
    set_output_raw_strided(0, {n, m}, {}, maybe_get_output(0).options());
  }
};

struct arange : at::impl::MetaBase {
  void meta(const c10::Scalar& start, const c10::Scalar& end, const c10::Scalar& step);
};

struct index_select : at::impl::MetaBase {
  void meta(const at::Tensor& t, int64_t dim, const at::Tensor& index);
};

struct embedding : at::impl::MetaBase {
  void meta(const at::Tensor& weight, const at::Tensor& indices);
};

// Planes of another size.
struct resized : at::impl::MetaBase {
  void meta(const at::Tensor& t, at::IntArrayRef size);
};

// Planes with a frame of their own elements, mirrored.
struct reflected : at::impl::MetaBase {
  void meta(const at::Tensor& t, at::IntArrayRef padding);
};

// Sliding windows over planes as columns, and planes from them.
struct columns : at::impl::MetaBase {
  void meta(const at::Tensor& t, at::IntArrayRef kernel, at::IntArrayRef dilation, at::IntArrayRef padding,
            at::IntArrayRef stride);
};
struct folded : at::impl::MetaBase {
  void meta(const at::Tensor& t, at::IntArrayRef size, at::IntArrayRef kernel, at::IntArrayRef dilation,
            at::IntArrayRef padding, at::IntArrayRef stride);
};

struct rows : at::impl::MetaBase {
  void meta(const at::Tensor& t, int64_t n) { set_output_raw_strided(0, {n, t.size(-1)}, {}, t.options()); }
};

struct single : at::impl::MetaBase {
  void meta(const at::Tensor& value) {
    TORCH_CHECK(value.dim() == 0, "fill_ only supports 0-dimension value tensor but got tensor with ",
                value.dim(), " dimensions.");
  }
  void meta(const at::Tensor& value, const at::Tensor& t) {
    meta(value);
    if (is_host_scalar(value)) check_fits(t.scalar_type(), host_scalar(value));
  }
};

struct spread : at::impl::MetaBase {
  void meta(const at::Tensor& mask, const at::Tensor& t);
  void meta(const at::Tensor& mask, const at::Tensor& t, const c10::Scalar& value) {
    meta(mask, t);
    check_fits(t.scalar_type(), value);
  }
};

struct fits : at::impl::MetaBase {
  void meta(const at::Tensor& t, const c10::Scalar& value) { check_fits(t.scalar_type(), value); }
};

// No rule: the operator writes its mutable operand.
struct given : at::impl::MetaBase {};

}  // namespace npu::ops::shape
