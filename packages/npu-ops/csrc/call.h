// SPDX-License-Identifier: BSD-3-Clause
// One call of an operator, between the shape rule that made its outputs and the
// aclnn launch: operands converted to the common dtype, checked, and outputs of
// another dtype copied back at the end. The generated code and the hand-written
// kernels use the same few members; each is a rule of the tables
// (codegen/rules.py documents them).
#pragma once

#include <ATen/WrapDimUtils.h>
#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dtypes.h"
#include "npu/core/launch.h"
#include "tensors.h"

namespace npu::ops {

class Call {
 public:
  static constexpr size_t kMaxOutputs = 3;

  // `common`: the dtype that TensorIterator computes in, or Undefined where
  // operands keep their own.
  Call(const char* op, c10::ScalarType common, std::span<const at::Tensor> outputs)
      : op_(op), common_(common), outputs_(outputs) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const char* name() const { return op_; }

  // An operand in the common dtype; a host scalar is moved to the device by a
  // fill.
  at::Tensor in(const at::Tensor& t, DtypeSet accepted) const {
    if (C10_UNLIKELY(!t.defined())) return t;
    at::Tensor r = C10_UNLIKELY(is_host_scalar(t)) ? to_device(t, common_) : t;
    if (common_ != c10::ScalarType::Undefined && C10_UNLIKELY(r.scalar_type() != common_))
      r = cast(r, common_);
    check_dtype(op_, r, accepted);
    return r;
  }
  at::Tensor in(const std::optional<at::Tensor>& t, DtypeSet accepted) const {
    return t ? in(*t, accepted) : at::Tensor();
  }
  std::vector<at::Tensor> in(const at::ITensorListRef& ts, DtypeSet accepted) const {
    std::vector<at::Tensor> r;
    for (const auto& t : ts) r.push_back(in(static_cast<const at::Tensor&>(t), accepted));
    return r;
  }
  // An index. torch lets an empty one have any dtype.
  static at::Tensor places(const at::Tensor& index) {
    return index.scalar_type() == at::kInt ? index : cast(index, at::kLong);
  }
  // An operand in the given dtype. A complex one loses no part on the way: it
  // is refused.
  at::Tensor as(const at::Tensor& t, c10::ScalarType dtype, DtypeSet accepted) const {
    if (C10_UNLIKELY(t.is_complex() && !c10::isComplexType(dtype))) refuse_dtype(op_, t, accepted);
    at::Tensor r = is_host_scalar(t) ? to_device(t, dtype) : cast(t, dtype);
    check_dtype(op_, r, accepted);
    return r;
  }

  // An operand or output; in a wider dtype of the same kind where the operator lacks its own.
  at::Tensor wide(const at::Tensor& t, DtypeSet accepted) const {
    const auto own = common(t), taken = widened(own, accepted);
    return taken == own ? in(t, accepted) : as(t, taken, accepted);
  }
  const at::Tensor& wide_out(size_t i, DtypeSet accepted) {
    return out(i, accepted, widened(common_ == c10::ScalarType::Undefined ? dtype(i) : common_, accepted));
  }
  // An operand or output; its memory as integers of as many bytes where the
  // operator lacks its dtype.
  at::Tensor bits(const at::Tensor& t, DtypeSet accepted) const {
    return as_bits(t.scalar_type(), accepted) ? as_integers(t) : in(t, accepted);
  }
  at::Tensor bits_out(size_t i, DtypeSet accepted) {
    return as_bits(dtype(i), accepted) ? as_integers(outputs_[i]) : out(i, accepted);
  }
  // Whether the operator takes an operand in the common dtype, or output `i`.
  bool takes(const at::Tensor& t, DtypeSet accepted) const { return accepted & bit(common(t)); }
  bool takes(size_t i, DtypeSet accepted) const { return accepted & bit(dtype(i)); }

  c10::ScalarType dtype(size_t i) const { return outputs_[i].scalar_type(); }
  int64_t numel(size_t i) const { return outputs_[i].numel(); }

  // Output `i`, to be written in the common dtype.
  const at::Tensor& out(size_t i, DtypeSet accepted) { return out(i, accepted, common_); }
  // Output `i`, to be written in `dtype`.
  const at::Tensor& out(size_t i, DtypeSet accepted, c10::ScalarType dtype);

  // Whether there is nothing to compute.
  bool empty() const;
  // Copies outputs that were written in another dtype to where they belong.
  void finish();

 private:
  c10::ScalarType common(const at::Tensor& t) const {
    return common_ == c10::ScalarType::Undefined ? t.scalar_type() : common_;
  }
  // float32 for halves, and the next integers that hold all of a dtype's numbers: `t` if none is accepted.
  static c10::ScalarType widened(c10::ScalarType t, DtypeSet accepted);
  static bool as_bits(c10::ScalarType t, DtypeSet accepted) {
    return accepted && !(accepted & bit(t)) && c10::elementSize(t) <= sizeof(int64_t);
  }
  static at::Tensor to_device(const at::Tensor& host, c10::ScalarType dtype);

  const char* op_;
  c10::ScalarType common_;
  std::span<const at::Tensor> outputs_;
  std::array<at::Tensor, kMaxOutputs> written_;
};

using Dims = c10::SmallVector<int64_t, 8>;

// The dimensions of a reduction over `of`, wrapped; all of them where none is
// given.
Dims all_dims(at::OptionalIntArrayRef dims, const at::Tensor& of);
inline Dims one_or_all(std::optional<int64_t> dim, const at::Tensor& of) {
  return dim ? all_dims(at::IntArrayRef(*dim), of) : all_dims(at::OptionalIntArrayRef(), of);
}
// The dimensions given, wrapped.
Dims listed_dims(at::IntArrayRef dims, const at::Tensor& of);
inline int64_t wrap_dim(int64_t dim, const at::Tensor& of) { return at::maybe_wrap_dim(dim, of.dim()); }

// A list for the two dimensions of a plane, where one number stands for both
// and none for those of `otherwise`.
inline std::array<int64_t, 2> pair(at::IntArrayRef v, at::IntArrayRef otherwise = {}) {
  if (v.empty()) v = otherwise;
  return {v.front(), v.back()};
}

// `number` as a tensor of `dtype` holds it.
inline c10::Scalar whole(const c10::Scalar& number, c10::ScalarType dtype) {
  return c10::isIntegralType(dtype, /*includeBool=*/true) ? c10::Scalar(number.toLong()) : number;
}

// Where a range of `count` elements of `dtype` ends. Integers lose the fractions of start and step, and the
// end follows. ValueError if no step is left.
c10::Scalar range_end(const c10::Scalar& start, const c10::Scalar& end, const c10::Scalar& step,
                      c10::ScalarType dtype, int64_t count);

// `weight`, or a one for each class of the scores `self` where it is absent.
at::Tensor class_weights(const std::optional<at::Tensor>& weight, const at::Tensor& self);

// The place of `text` among `texts`; an absent one is "". RuntimeError if it is
// not there.
int64_t choice(const char* op, std::optional<std::string_view> text,
               std::initializer_list<std::string_view> texts);

// aclnn's cubeMathType: what the user allows for products of this kind. 0 keeps
// the operands' dtype; SoCs without bfloat16 have no float32 matrix unit either
// and compute float32 products in float16, which CANN wants to be told (1).
inline int8_t cube_math(npu_cube kind = NPU_CUBE_MATMUL) {
  const int32_t allowed = core().cube_math(kind);
  return static_cast<int8_t>(allowed != 0 || soc_has_bfloat16() ? allowed : 1);
}

}  // namespace npu::ops
