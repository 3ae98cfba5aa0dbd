// SPDX-License-Identifier: BSD-3-Clause
// What operators on square matrices share. All of it is for float32: CANN multiplies no matrices of float64.
#pragma once

#include <ATen/core/Tensor.h>

#include "dtypes.h"

namespace npu::ops {

constexpr DtypeSet kMatrix = dtypes("f");

// Which matrices have a pivot that is 0 or NaN, so that the sign of their determinant is 0. For those CANN's
// operators may end in an error. bool.
at::Tensor without_inverse(const at::Tensor& a);

// Which of those are singular: the ones that hold no NaN; torch inverts and solves with the others. Where
// infinities leave a NaN among the pivots it does so too, which no determinant tells from a 0. bool.
at::Tensor singular(const at::Tensor& a, const at::Tensor& none);

// `a` with the identity in place of the matrices that `bad` names.
at::Tensor without(const at::Tensor& a, const at::Tensor& bad);

// LAPACK's `info` of each matrix: the size of those that `bad` names, and 0. Which pivot it was CANN does not
// tell.
at::Tensor info_of(const at::Tensor& a, const at::Tensor& bad);

// X of A X = B, by orthogonal factors. The batches of the two are broadcast. Of the matrices that `bad`
// names, where it is given, X is not finite: rounding would leave some number in place of a zero among the
// pivots.
at::Tensor solved(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bad = {});

}  // namespace npu::ops
