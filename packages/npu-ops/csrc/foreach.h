// SPDX-License-Identifier: BSD-3-Clause
// Operators over lists of tensors. The generated kernels (codegen/lists.py) and those of foreach.cpp and
// amp.cpp take aclnnForeach* where that computes what PyTorch does tensor by tensor, and else PyTorch's own
// kernel that goes tensor by tensor.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Scalar.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "dtypes.h"
#include "npu/core/launch.h"

namespace npu::ops::foreach {

// Tensors that one launch names, over all of its lists: the kernels keep their addresses in a table of fixed
// size. Longer lists take several launches.
constexpr size_t kTensors = 48;

// Whether one launch does for all tensors what the operator does for each: one device that has these
// operators, one dtype, which `accepted` has and which the numbers do not promote, and corresponding tensors
// alike in memory. Lists that PyTorch refuses are not fast.
bool fast_route(DtypeSet accepted, std::initializer_list<at::TensorList> lists,
                at::ArrayRef<c10::Scalar> scalars);

// Results in the shapes, strides and dtype of the list.
std::vector<at::Tensor> like(at::TensorList list);

// A number as CANN wants it beside tensors of this dtype; one, or one for each tensor.
c10::Scalar number(const c10::Scalar& s, at::TensorList list);
std::vector<npu::detail::ScalarValue> numbers(at::ArrayRef<c10::Scalar> s, at::TensorList list);

// Whether `t` is a number on the list's device in the list's dtype; and it as CANN wants it.
bool is_factor(const at::Tensor& t, at::TensorList list);
at::Tensor factor(const at::Tensor& t);

// The part of a list that one launch takes.
struct Cut {
  size_t from, count;
  at::TensorList operator()(at::TensorList list) const { return list.slice(from, count); }
  at::ArrayRef<c10::Scalar> operator()(at::ArrayRef<c10::Scalar> list) const {
    return list.slice(from, count);
  }
};

// Calls `f(cut)` for each launch; `lists` different lists of tensors take part.
template <class F>
void in_parts(at::TensorList first, size_t lists, const F& f) {
  c10::DeviceGuard guard(first[0].device());
  const size_t most = kTensors / lists;
  for (size_t i = 0; i < first.size(); i += most) f(Cut{i, std::min(most, first.size() - i)});
}

}  // namespace npu::ops::foreach
