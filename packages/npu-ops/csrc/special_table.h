// SPDX-License-Identifier: BSD-3-Clause
// Functions that CANN lacks, as polynomials. The first bits of a float32, which are its sign, its exponent
// and the first of its mantissa, choose a row of a table; the rest is a whole number u, and the row has the
// coefficients of a cubic in u. So zeros, infinities and NaN have rows of their own, and no number is
// outside. The rows are made on first use, out of what PyTorch's CPU kernels answer in float64; no
// coefficient is written down anywhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace npu::ops {

// Where the functions of a table are asked for.
struct Points {
  at::Tensor x;       // [rows, 4] float64 on the CPU: the places that the cubics go through
  at::Tensor inside;  // [rows, 1]: a number inside each row, for a condition that is to hold for all of it
};

struct Tabled {
  int bits;  // of the mantissa that choose a row; one more makes the error a sixteenth
  // One or several functions at the points. `order` is what the caller of `series` or `each` gave.
  std::vector<at::Tensor> (*functions)(const Points&, int64_t order);
};

// A power series of x squared whose terms are all positive, so that float32 sums it without loss: the sum of
// terms[k] (x / scale)^(2 k). `scale` is a power of two.
struct Series {
  double scale;
  std::vector<double> (*terms)();
};

// The series at x, float32 [n], into `out` [n], NaN for infinities: 3 launches, and as many numbers in
// between as n times the terms. `series` must live as long as the process.
void summed(const Series& series, const at::Tensor& x, const at::Tensor& out);

// Every function of the table at x, float32 [n]: [functions, n]; into `out` [n] where there is only one.
// 7 launches. `tabled` must live as long as the process.
at::Tensor series(const Tabled& tabled, const at::Tensor& x, int64_t order = 0, const at::Tensor& out = {});

// The i-th function at x[i], for x float32 [functions, n]: of that shape. 7 launches.
at::Tensor each(const Tabled& tabled, const at::Tensor& x, int64_t order = 0);

}  // namespace npu::ops
