// SPDX-License-Identifier: BSD-3-Clause
// What computes an operator of the tables in dtypes that CANN's operator does
// not take, out of operators that do take them. A line names one in its field
// `otherwise`; the parameters are the call and the arguments of the ATen
// operator. Each answers whether it did: if not, the line's own call refuses
// the dtype by name, and the CPU computes what tables/fallback.yaml declares.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>

#include "call.h"

namespace npu::ops::otherwise {

using In = const at::Tensor&;
using Number = const c10::Scalar&;
using Ints = at::IntArrayRef;

// Of integers: themselves; and of bools too: false.
bool copied(Call& k, In self);
bool never(Call& k, In self);

// Of any numbers that the CPU takes: lerp no integers, addcmul no bools.
bool addcmul(Call& k, In self, In a, In b, Number value);
bool addcdiv(Call& k, In self, In a, In b, Number value);
bool lerp(Call& k, In self, In end, In weight);
bool lerp(Call& k, In self, In end, Number weight);

// Of complex numbers.
bool logical_not(Call& k, In self);
bool all(Call& k, In self);
bool all(Call& k, In self, int64_t dim, bool keepdim);
bool any(Call& k, In self);
bool any(Call& k, In self, int64_t dim, bool keepdim);
bool exp2(Call& k, In self);
bool sigmoid(Call& k, In self);
bool silu(Call& k, In self);
bool fill(Call& k, In self, In value);
bool norm(Call& k, In self, const std::optional<c10::Scalar>& p, Ints dim, bool keepdim,
          std::optional<c10::ScalarType> dtype = std::nullopt);
bool abs(Call& k, In self);
bool linspace(Call& k, Number start, Number end, int64_t steps);
bool eye(Call& k, int64_t n, int64_t m = -1);
bool index_add(Call& k, In self, int64_t dim, In index, In source, Number alpha);
bool index_fill(Call& k, In self, int64_t dim, In index, Number value);
bool tril(Call& k, In self, int64_t diagonal);
bool triu(Call& k, In self, int64_t diagonal);
bool roll(Call& k, In self, Ints shifts, Ints dims);

// Products of integers and of complex numbers (products.cpp).
bool mm(Call& k, In self, In other);
bool bmm(Call& k, In self, In other);
bool addmm(Call& k, In self, In a, In b, Number beta, Number alpha);
bool addmv(Call& k, In self, In matrix, In vector, Number beta, Number alpha);
bool baddbmm(Call& k, In self, In a, In b, Number beta, Number alpha);
bool addbmm(Call& k, In self, In a, In b, Number beta, Number alpha);

// Of integers (windows.cpp).
bool avg_pool2d(Call& k, In self, Ints kernel, Ints stride, Ints padding, bool ceil, bool with_padding,
                std::optional<int64_t> divisor);
bool avg_pool3d(Call& k, In self, Ints kernel, Ints stride, Ints padding, bool ceil, bool with_padding,
                std::optional<int64_t> divisor);
bool max_pool2d(Call& k, In self, Ints kernel, Ints stride, Ints padding, Ints dilation, bool ceil);

}  // namespace npu::ops::otherwise
