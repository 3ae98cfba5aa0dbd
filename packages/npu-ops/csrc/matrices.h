// SPDX-License-Identifier: BSD-3-Clause
// What operators on square matrices share. All of it is for float32: CANN multiplies no matrices of float64.
#pragma once

#include <ATen/core/Tensor.h>

#include "dtypes.h"

namespace npu::ops {

constexpr DtypeSet kMatrix = dtypes("f");

// The sign of each matrix's determinant: 0 if a pivot is 0 or NaN. For those CANN's operators may end in an
// error.
at::Tensor sign_of(const at::Tensor& a);

// Which matrices have a 0 among their pivots, of those whose sign is 0; torch inverts and solves with the
// others. bool.
at::Tensor singular(const at::Tensor& a, const at::Tensor& sign);

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
