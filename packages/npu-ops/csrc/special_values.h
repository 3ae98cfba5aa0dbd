// SPDX-License-Identifier: BSD-3-Clause
// What the tables of special functions hold: each function, or smooth factors of it, at the points of the
// rows. A function is smooth here if a cubic follows it over a thirty-second of a power of two, everywhere
// from the smallest to the largest float32; what is not (exponentials, oscillations, poles away from zero) is
// factored out and put back on the device by special.cpp.
#pragma once

#include "special_table.h"

namespace npu::ops {

// e^-|x| I(x), and e^x K(x).
extern const Tabled kI0e, kI1e, kK0e, kK1e;
// I0(x), for |x| below 92, beyond which it is no float32.
extern const Series kI0;
// A, B of A cos x + B sin x.
extern const Tabled kJ0, kJ1, kY0, kY1;
// A, B of A cos z - B sin z for x < 0, and A e^-z for x > 0, where z = 2/3 |x|^(3/2).
extern const Tabled kAiry;
// erfcx(x), and -erfcx(-x) for x < 0.
extern const Tabled kErfcx;
// log_ndtr(x) e^(x^2/2), and log_ndtr(x) + x^2/2 for x < 0.
extern const Tabled kLogNdtr;
// The quantile of the normal distribution by odds p / (1 - p).
extern const Tabled kNdtri;
// T, H of f(x) = T(x) for x > -1/2, and T(x) + H(x - round(x)) below: the logarithm of the gamma function,
// and its derivative of one more than `order`.
extern const Tabled kLgamma, kPolygamma;
// The second derivative of the logarithm of the gamma function; of x < 1/2 the negative one of 1 - x.
extern const Tabled kTrigamma;

}  // namespace npu::ops
