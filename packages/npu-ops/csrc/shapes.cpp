// SPDX-License-Identifier: BSD-3-Clause
#include "shapes.h"

#include <ATen/ExpandUtils.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/WrapDimUtilsMulti.h>
#include <ATen/native/ReduceOpsUtils.h>
#include <ATen/native/im2col_shape_check.h>
#include <ATen/ops/result_type_native.h>

#include <algorithm>
#include <cmath>

#include "call.h"

namespace npu::ops::shape {

void like::meta(const at::Tensor& t) {
  bool dense = t.is_non_overlapping_and_dense();
  auto strides = dense ? t.strides().vec() : at::infer_dense_strides(t.sizes(), t.strides());
  set_output_raw_strided(0, t.sizes(), strides, t.options());
}

void flipped::meta(const at::Tensor& t, at::IntArrayRef dims) {
  at::dim_list_to_bitset(dims,
                         t.dim());  // refuses a dimension that is named twice
  like::meta(t);
}

void rolled::meta(const at::Tensor& t, at::IntArrayRef shifts, at::IntArrayRef dims) {
  TORCH_CHECK(!shifts.empty(), "`shifts` required");
  for (int64_t d : dims)
    TORCH_CHECK_INDEX(t.dim() > 0, "Dimension specified as ", d, " but tensor has no dimensions");
  TORCH_CHECK(shifts.size() == dims.size() || (dims.empty() && shifts.size() == 1),
              "shifts and dimensions must align. shifts: ", shifts.size(), ", dims:", dims.size());
  // Without dimensions the elements roll as they are counted, and the result
  // lies that way in memory.
  const auto format = dims.empty() ? at::MemoryFormat::Contiguous : t.suggest_memory_format();
  set_output_raw_strided(0, t.sizes(), {}, t.options().memory_format(format));
}

void magnitude::meta(const at::Tensor& a) {
  const at::Tensor& out = maybe_get_output();
  if (!a.is_complex() || (out.defined() && out.is_complex())) return build_borrowing_unary_op(out, a);
  if (out.defined()) check_casts(c10::toRealValueType(a.scalar_type()), out.scalar_type());
  build(at::TensorIteratorConfig()
            .set_check_mem_overlap(true)
            .check_all_same_dtype(false)
            .declare_static_dtype(out.defined() ? out.scalar_type() : c10::toRealValueType(a.scalar_type()))
            .add_output(out)
            .add_const_input(a));
}

void phase::meta(const at::Tensor& a) {
  const at::Tensor& out = maybe_get_output();
  auto dtype = c10::isIntegralType(a.scalar_type(), true) ? c10::get_default_dtype_as_scalartype()
                                                          : c10::toRealValueType(a.scalar_type());
  if (out.defined()) check_casts(dtype, out.scalar_type());
  build(at::TensorIteratorConfig()
            .set_check_mem_overlap(true)
            .check_all_same_dtype(false)
            .declare_static_dtype(out.defined() ? out.scalar_type() : dtype)
            .add_output(out)
            .add_const_input(a));
}

void complex::meta(const at::Tensor& a, const at::Tensor& b) {
  auto real = [](c10::ScalarType t) { return t == at::kFloat || t == at::kDouble || t == at::kHalf; };
  TORCH_CHECK(real(a.scalar_type()) && real(b.scalar_type()),
              "Expected both inputs to be Half, Float or Double tensors but got ", a.scalar_type(), " and ",
              b.scalar_type());
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), "Expected object of scalar type ", a.scalar_type(),
              " but got scalar type ", b.scalar_type(), " for second argument");
  const at::Tensor& out = maybe_get_output();
  const auto dtype = c10::toComplexType(a.scalar_type());
  TORCH_CHECK(!out.defined() || out.scalar_type() == dtype, "Expected object of scalar type ", dtype,
              " but got scalar type ", out.defined() ? out.scalar_type() : dtype, " for argument 'out'");
  build(at::TensorIteratorConfig()
            .set_check_mem_overlap(true)
            .check_all_same_dtype(false)
            .declare_static_dtype(dtype)
            .add_output(out)
            .add_const_input(a)
            .add_const_input(b));
}

void where::meta(const at::Tensor& condition, const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(condition.scalar_type() == at::kBool || condition.scalar_type() == at::kByte,
              "where expected condition to be a boolean tensor, but got a "
              "tensor with dtype ",
              condition.scalar_type());
  auto dtype = at::native::result_type(a, b);
  const at::Tensor& out = maybe_get_output();
  TORCH_CHECK(!out.defined() || out.scalar_type() == dtype, "Expected out type to be ", dtype, " but got ",
              out.defined() ? out.scalar_type() : dtype);
  build(at::TensorIteratorConfig()
            .set_check_mem_overlap(true)
            .check_all_same_dtype(false)
            .allow_cpu_scalars(true)
            .declare_static_dtype(dtype)
            .add_output(out)
            .add_const_input(condition)
            .add_const_input(a)
            .add_const_input(b));
}

namespace {

// The dtype of a result: that of `out`, where one is given that `natural` casts to.
c10::ScalarType cast_for(const at::Tensor& out, c10::ScalarType natural) {
  if (!out.defined()) return natural;
  check_casts(natural, out.scalar_type());
  return out.scalar_type();
}

}  // namespace

void reduce::results(int64_t n, const at::Tensor& t, at::OptionalIntArrayRef dims, bool keepdim) {
  TORCH_CHECK(t.is_floating_point() || t.is_complex(),
              "std and var only support floating point and complex dtypes");
  check_dtype("var", t, dtypes("fhbFD"));
  Dims reduced = all_dims(dims, t);
  Dims sizes;
  for (int64_t d = 0; d < t.dim(); ++d) {
    auto times = std::count(reduced.begin(), reduced.end(), d);
    TORCH_CHECK(times <= 1, "dim ", d, " appears multiple times in the list of dims");
    if (times == 0)
      sizes.push_back(t.size(d));
    else if (keepdim)
      sizes.push_back(1);
  }
  // The variance of complex numbers is real, and their mean is not.
  for (int64_t i = 0; i < n; ++i) {
    const auto dtype = i ? t.scalar_type() : c10::toRealValueType(t.scalar_type());
    set_output_raw_strided(i, sizes, {}, t.options().dtype(cast_for(maybe_get_output(i), dtype)));
  }
}

namespace {

// Sizes without dimension `d`, or with 1 there.
Dims without(const at::Tensor& t, int64_t d, bool keepdim) {
  Dims sizes(t.sizes().begin(), t.sizes().end());
  if (sizes.empty()) return sizes;
  sizes[d] = 1;
  if (!keepdim) sizes.erase(sizes.begin() + d);
  return sizes;
}

}  // namespace

void summed::meta(const at::Tensor& t, at::OptionalIntArrayRef dims, bool keepdim,
                  std::optional<c10::ScalarType> dtype) {
  TORCH_CHECK(!t.is_complex(), "nansum does not support complex inputs");
  auto given = dims.value_or(at::IntArrayRef{});
  auto mask = at::native::make_dim_mask(given, t.dim());
  auto natural = c10::isIntegralType(t.scalar_type(), true) ? c10::kLong : t.scalar_type();
  set_output_raw_strided(0, at::native::shape_from_dim_mask(t, mask, keepdim), {},
                         t.options().dtype(cast_for(maybe_get_output(0), dtype.value_or(natural))));
}

void ranked::meta(const at::Tensor& t, int64_t dim, bool keepdim) {
  const int64_t d = wrap_dim(dim, t);
  TORCH_CHECK_INDEX(t.dim() == 0 || t.size(d) > 0, "Expected reduction dim ", d, " to have non-zero size.");
  Dims sizes = without(t, d, keepdim);
  set_output_raw_strided(0, sizes, {}, t.options());
  set_output_raw_strided(1, sizes, {}, t.options().dtype(at::kLong));
}

void kth::meta(const at::Tensor& t, int64_t k, int64_t dim, bool keepdim) {
  const int64_t size = t.dim() ? t.size(wrap_dim(dim, t)) : 1;
  TORCH_CHECK(k >= 1 && k <= size, "kthvalue(): selected number k out of range for dimension ",
              t.dim() ? wrap_dim(dim, t) : 0);
  if (const at::Tensor& out = maybe_get_output(0); out.defined()) at::assert_no_overlap(out, t);
  ranked::meta(t, dim, keepdim);
}

void bins::meta(const at::Tensor& t, int64_t n, const c10::Scalar& from, const c10::Scalar& to) {
  TORCH_CHECK(n > 0, "torch.histogram(): bins must be > 0, but got ", n, " for dimension 0");
  TORCH_CHECK(t.is_floating_point(), "\"histogram_cpu\" not implemented for '", t.scalar_type(), "'");
  TORCH_CHECK(std::isfinite(from.toDouble()) && std::isfinite(to.toDouble()), "torch.histc: range of [",
              from.toDouble(), ", ", to.toDouble(), "] is not finite");
  TORCH_CHECK(from.toDouble() <= to.toDouble(), "torch.histc: max must be larger than min");
  set_output_raw_strided(0, {n}, {}, t.options());
}

void batches::meta(const at::Tensor& t, const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.dim() == 3, "batch1 must be a 3D tensor");
  TORCH_CHECK(b.dim() == 3, "batch2 must be a 3D tensor");
  TORCH_CHECK(a.size(0) == b.size(0), "batch1 and batch2 must have same number of batches, got ", a.size(0),
              " and ", b.size(0));
  TORCH_CHECK(a.size(2) == b.size(1), "Incompatible matrix sizes for bmm (", a.size(1), "x", a.size(2),
              " and ", b.size(1), "x", b.size(2), ")");
  const int64_t sizes[] = {a.size(1), b.size(2)};
  TORCH_CHECK(at::is_expandable_to(t.sizes(), sizes), "The expanded size of the tensor (", sizes[0], "x",
              sizes[1], ") does not match the existing size ", t.sizes());
  set_output_raw_strided(0, sizes, {}, t.options());
}

void wide_product::meta(const at::Tensor& a, const at::Tensor& b, c10::ScalarType dtype) {
  TORCH_CHECK(a.scalar_type() == b.scalar_type(),
              "expected both matrices to have the same dtype, but got: ", a.scalar_type(), " and ",
              b.scalar_type());
  TORCH_CHECK(dtype == a.scalar_type() || (dtype == at::kFloat && at::isReducedFloatingType(a.scalar_type())),
              "out_dtype must be the same as input dtype or fp32 for fp16/bf16 inputs");
  const int64_t d = a.dim();
  TORCH_CHECK(
      (d == 2 || d == 3) && b.dim() == d && (d == 2 || a.size(0) == b.size(0)) && a.size(-1) == b.size(-2),
      "mat1 and mat2 shapes cannot be multiplied (", a.sizes(), " and ", b.sizes(), ")");
  at::DimVector sizes(a.sizes());
  sizes.back() = b.size(-1);
  set_output_raw_strided(0, sizes, {}, a.options().dtype(dtype));
}

void taken::meta(const at::Tensor& t, const at::Tensor& index) {
  TORCH_CHECK(index.scalar_type() == at::kLong, "take(): Expected a long tensor for index, but got ",
              index.scalar_type());
  TORCH_CHECK_INDEX(t.numel() || !index.numel(), "take(): tried to take from an empty tensor");
  const at::Tensor& out = maybe_get_output(0);
  set_output_raw_strided(0, index.sizes(), {}, t.options());
  if (!out.defined()) return;
  at::assert_no_overlap(out, t);
  at::assert_no_overlap(out, index);
}

void put::meta(const at::Tensor& t, const at::Tensor& index, const at::Tensor& source) {
  at::globalContext().alertNotDeterministic("put_");  // of repeated indices any may come last
  TORCH_CHECK(index.scalar_type() == at::kLong, "put_(): Expected a long tensor for index, but got ",
              index.scalar_type());
  TORCH_CHECK(t.scalar_type() == source.scalar_type(),
              "put_(): self and source expected to have the same dtype, but "
              "got self.dtype = ",
              t.scalar_type(), " and source.dtype = ", source.scalar_type());
  TORCH_CHECK_INDEX(index.numel() == source.numel(),
                    "put_(): Expected source and index to have the same number "
                    "of elements, but got source.numel() = ",
                    source.numel(), ", index.numel() = ", index.numel());
  TORCH_CHECK_INDEX(t.numel() || !index.numel(), "put_(): Cannot put elements into an empty tensor");
  at::assert_no_internal_overlap(t);
  at::assert_no_overlap(t, index);
  at::assert_no_overlap(t, source);
}

void dot::meta(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "1D tensors expected, but got ", a.dim(), "D and ", b.dim(),
              "D tensors");
  TORCH_CHECK(a.scalar_type() == b.scalar_type(),
              "dot : expected both vectors to have same dtype, but found ", a.scalar_type(), " and ",
              b.scalar_type());
  TORCH_CHECK(a.numel() == b.numel(), "inconsistent tensor size, expected tensor [", a.numel(), "] and src [",
              b.numel(), "] to have the same number of elements, but got ", a.numel(), " and ", b.numel(),
              " elements respectively");
  set_output_raw_strided(0, {}, {}, a.options());
}

void arange::meta(const c10::Scalar& start, const c10::Scalar& end, const c10::Scalar& step) {
  double n;
  TORCH_CHECK(step.toDouble() != 0, "step must be nonzero");
  TORCH_CHECK(std::isfinite(start.toDouble()) && std::isfinite(end.toDouble()),
              "unsupported range: ", start.toDouble(), " -> ", end.toDouble());
  TORCH_CHECK((step.toDouble() > 0) ? end.toDouble() >= start.toDouble() : end.toDouble() <= start.toDouble(),
              "upper bound and lower bound inconsistent with step sign");
  if (maybe_get_output(0).scalar_type() == at::kLong) {
    // In int64, since double loses the low bits of large bounds.
    TORCH_CHECK_VALUE(step.toLong() != 0, "step must be nonzero");
    int64_t sign = step.toLong() > 0 ? 1 : -1;
    const int64_t count = (end.toLong() - start.toLong() + step.toLong() - sign) / step.toLong();
    n = static_cast<double>(count);
  } else {
    n = std::ceil((end.toDouble() - start.toDouble()) / step.toDouble());
  }
  const at::Tensor& out = maybe_get_output(0);
  // torch keeps the shape of an `out` that has the right number of elements.
  if (out.numel() == static_cast<int64_t>(n)) return;
  set_output_raw_strided(0, {static_cast<int64_t>(n)}, {}, out.options());
}

void index_select::meta(const at::Tensor& t, int64_t dim, const at::Tensor& index) {
  TORCH_CHECK_INDEX(index.dim() <= 1,
                    "index_select(): Index is supposed to be a vector, but got dim: ", index.dim());
  TORCH_CHECK(index.scalar_type() == at::kLong || index.scalar_type() == at::kInt,
              "index_select(): Expected dtype int32 or int64 for index but got: ", index.scalar_type());
  Dims sizes(t.sizes().begin(), t.sizes().end());
  int64_t d = wrap_dim(dim, t);
  if (!sizes.empty()) sizes[d] = index.numel();
  if (const at::Tensor& out = maybe_get_output(0); out.defined()) {
    at::assert_no_internal_overlap(out);
    at::assert_no_overlap(out, t);
    at::assert_no_overlap(out, index);
  }
  set_output_raw_strided(0, sizes, {}, t.options());
}

void embedding::meta(const at::Tensor& weight, const at::Tensor& indices) {
  TORCH_CHECK(weight.dim() == 2, "'weight' must be 2-D");
  TORCH_CHECK(indices.scalar_type() == at::kLong || indices.scalar_type() == at::kInt,
              "Expected tensor for argument 'indices' to have scalar type Long "
              "or Int; but got ",
              indices.scalar_type());
  Dims sizes(indices.sizes().begin(), indices.sizes().end());
  sizes.push_back(weight.size(1));
  set_output_raw_strided(0, sizes, {}, weight.options());
}

void check_classes(const char* op, const at::Tensor& target, const at::Tensor& scores) {
  TORCH_CHECK(target.scalar_type() == at::kLong || target.scalar_type() == at::kByte, op,
              ": expected scalar type Long but found ", target.scalar_type(), " for a target of shape ",
              target.sizes(), " with an input of shape ", scores.sizes(), "; pass target.long()");
}

void nll_loss2d::meta(const at::Tensor& t, const at::Tensor& target, int64_t reduction) {
  TORCH_CHECK(target.dim() == 3,
              "only batches of spatial targets supported (3D tensors) but got "
              "targets of dimension: ",
              target.dim());
  TORCH_CHECK(t.dim() == 4,
              "only batches of spatial inputs supported (4D tensors), but got "
              "input of dimension: ",
              t.dim());
  TORCH_CHECK(t.size(0) == target.size(0) && t.size(2) == target.size(1) && t.size(3) == target.size(2),
              "size mismatch (got input: ", t.sizes(), " , target: ", target.sizes());
  check_classes("nll_loss2d", target, t);
  set_output_raw_strided(0, reduction ? at::IntArrayRef{} : target.sizes(), {}, t.options());
  set_output_raw_strided(1, {}, {}, t.options());
}

void resized::meta(const at::Tensor& t, at::IntArrayRef size) {
  TORCH_CHECK(size.size() == 2, "output_size must be 2 numbers, got ", size.size());
  TORCH_CHECK(t.dim() == 3 || t.dim() == 4, "expected a tensor of 3 or 4 dimensions, but got shape ",
              t.sizes());
  for (int64_t d : {t.dim() - 3, t.dim() - 2, t.dim() - 1})
    TORCH_CHECK(t.size(d) > 0,
                "expected input to have non-zero size for non-batch "
                "dimensions, but input has sizes ",
                t.sizes(), " with dimension ", d, " being empty");
  Dims sizes(t.sizes().begin(), t.sizes().end());
  std::copy(size.begin(), size.end(), sizes.end() - 2);
  set_output_raw_strided(0, sizes, {}, t.options().memory_format(t.suggest_memory_format()));
}

void reflected::meta(const at::Tensor& t, at::IntArrayRef padding) {
  TORCH_CHECK(padding.size() == 4, "padding size is expected to be 4, but got: ", padding.size());
  TORCH_CHECK((t.dim() == 3 || t.dim() == 4) && t.size(-1) && t.size(-2) && t.size(-3),
              "Expected 3D or 4D (batch mode) tensor with possibly 0 batch "
              "size and other non-zero dimensions "
              "for input, but got: ",
              t.sizes());
  Dims sizes(t.sizes().begin(), t.sizes().end());
  for (size_t i = 0; i < 4; ++i) {
    const auto d = t.dim() - 1 - static_cast<int64_t>(i / 2);
    TORCH_CHECK(padding[i] < t.size(d),
                "Padding size should be less than the corresponding input dimension, "
                "but got: padding ",
                padding, " at dimension ", d, " of input ", t.sizes());
    sizes[d] += padding[i];
  }
  for (int64_t d : {t.dim() - 1, t.dim() - 2})
    TORCH_CHECK(sizes[d] >= 1, "input ", t.sizes(), " is too small for padding ", padding);
  set_output_raw_strided(0, sizes, {}, t.options().memory_format(t.suggest_memory_format()));
}

void columns::meta(const at::Tensor& t, at::IntArrayRef kernel, at::IntArrayRef dilation,
                   at::IntArrayRef padding, at::IntArrayRef stride) {
  for (auto [name, v] : {std::pair("kernel", kernel), std::pair("dilation", dilation),
                         std::pair("padding", padding), std::pair("stride", stride)})
    TORCH_CHECK(v.size() == 2, "It is expected ", name, "_size equals to 2, but got size ", v.size());
  at::native::im2col_shape_check(t, at::Tensor(), kernel[0], kernel[1], dilation[0], dilation[1], padding[0],
                                 padding[1], stride[0], stride[1]);
  int64_t windows = 1;
  for (int64_t i = 0; i < 2; ++i)
    windows *= at::native::sliding_window_count(t.size(i - 2), padding[i], dilation[i], kernel[i], stride[i]);
  Dims sizes(t.sizes().begin(), t.sizes().end() - 3);
  sizes.push_back(t.size(-3) * kernel[0] * kernel[1]);
  sizes.push_back(windows);
  set_output_raw_strided(0, sizes, {}, t.options());
}

void folded::meta(const at::Tensor& t, at::IntArrayRef size, at::IntArrayRef kernel, at::IntArrayRef dilation,
                  at::IntArrayRef padding, at::IntArrayRef stride) {
  for (auto [name, v] :
       {std::pair("output", size), std::pair("kernel", kernel), std::pair("dilation", dilation),
        std::pair("padding", padding), std::pair("stride", stride)})
    TORCH_CHECK(v.size() == 2, "It is expected ", name, "_size equals to 2, but got size ", v.size());
  at::native::col2im_shape_check(t, at::Tensor(), size[0], size[1], kernel[0], kernel[1], dilation[0],
                                 dilation[1], padding[0], padding[1], stride[0], stride[1]);
  Dims sizes(t.sizes().begin(), t.sizes().end() - 2);
  for (int64_t n : {t.size(-2) / (kernel[0] * kernel[1]), size[0], size[1]}) sizes.push_back(n);
  set_output_raw_strided(0, sizes, {}, t.options());
}

void spread::meta(const at::Tensor& mask, const at::Tensor& t) {
  TORCH_CHECK(mask.scalar_type() == at::kBool,
              "masked_fill_ only supports boolean masks, but got mask with dtype ", mask.scalar_type());
  TORCH_CHECK(at::is_expandable_to(mask.sizes(), t.sizes()), "The size of the mask ", mask.sizes(),
              " does not broadcast to the size of the tensor ", t.sizes());
  at::assert_no_partial_overlap(t, mask);
}

}  // namespace npu::ops::shape
