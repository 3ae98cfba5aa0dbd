// SPDX-License-Identifier: BSD-3-Clause
// Fourier transforms as products with matrices of roots of unity, since CANN has none of its own for complex
// numbers: a complex number is two real ones, so that one real product does a whole dimension. Long
// dimensions are split into factors (Cooley and Tukey), or become a convolution if they have none
// (Bluestein).
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/native/SpectralOpsUtils.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/real.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/MathConstants.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <numeric>
#include <tuple>

#include "aclnn_ops.h"
#include "devices.h"
#include "kernel.h"
#include "soc.h"
#include "tensors.h"

namespace npu::ops {
namespace {

// The longest dimension that one matrix does: 2048 x 2048 numbers, 16 MB.
constexpr int64_t kDirect = 1024;
// Bytes of matrices that are kept, on all devices together.
constexpr size_t kKept = size_t{64} << 20;

enum class Kind { c2c, r2c, c2r, twiddle, chirp };
// Kind, length, second length, direction, scale, device.
using Key = std::tuple<Kind, int64_t, int64_t, bool, double, c10::DeviceIndex>;

// exp(-2 pi i j k / n), or its conjugate for the inverse: a complex matrix on the CPU, exact angles.
at::Tensor roots(int64_t rows, int64_t columns, int64_t n, bool forward) {
  at::Tensor places = at::arange(rows, at::kLong).outer(at::arange(columns, at::kLong)).remainder_(n);
  at::Tensor angle =
      places.to(at::kDouble).mul_((forward ? -2 : 2) * c10::pi<double> / static_cast<double>(n));
  return at::polar(at::ones({}, at::kDouble).expand_as(angle), angle);
}

// The real matrix whose product with (re, im) pairs is the product with the complex one.
at::Tensor on_pairs(const at::Tensor& w) {
  at::Tensor pairs =
      at::stack({at::view_as_real(w), at::view_as_real(w * c10::Scalar(c10::complex<double>(0, 1)))}, 1);
  return pairs.reshape({2 * w.size(0), 2 * w.size(1)});
}

at::Tensor made(const Key& key) {
  const auto& [kind, n, m, forward, scale, device] = key;
  switch (kind) {
    case Kind::c2c:
      return on_pairs(roots(n, n, n, forward)).mul_(scale);
    case Kind::r2c:
      return at::view_as_real(roots(n, m, n, forward)).reshape({n, 2 * m}).mul_(scale);
    case Kind::c2r: {  // what the half that is not given would add
      at::Tensor twice = at::ones({m, 1}, at::kDouble).mul_(2);
      twice[0] = 1;
      if (n % 2 == 0) twice[m - 1] = 1;
      at::Tensor w = at::view_as_real(roots(m, n, n, forward)).mul_(scale);
      return at::stack({w.select(-1, 0) * twice, -(w.select(-1, 1) * twice)}, 1).reshape({2 * m, n});
    }
    case Kind::twiddle:  // n, in m columns
      return roots(n / m, m, n, forward).mul_(scale);
    case Kind::chirp: {
      at::Tensor j = at::arange(n, at::kLong);
      at::Tensor angle = (j * j).remainder_(2 * n).to(at::kDouble);
      angle.mul_((forward ? -1 : 1) * c10::pi<double> / static_cast<double>(n));
      return at::polar(at::ones_like(angle), angle);
    }
  }
  TORCH_INTERNAL_ASSERT(false);
}

struct Kept {
  Key key;
  at::Tensor matrix;
  bool captured;  // a graph reads it at every replay: it stays
};

// The matrix of `key` on its device, kept for the next transform of the same length.
at::Tensor matrix(Kind kind, const at::Tensor& like, int64_t n, int64_t m, bool forward, double scale = 1) {
  static std::mutex* mutex = new std::mutex;
  static auto* kept = new std::list<Kept>;  // the last one used first; leaked
  const Key key{kind, n, m, forward, scale, like.device().index()};
  const auto* device = c10::impl::getDeviceGuardImpl(like.device().type());
  const c10::Stream stream = device->getStream(like.device());
  const bool capturing = device->isStreamCapturing(stream);
  {
    std::lock_guard lock(*mutex);
    for (auto it = kept->begin(); it != kept->end(); ++it) {
      if (it->key != key) continue;
      kept->splice(kept->begin(), *kept, it);
      it->captured |= capturing;
      if (!capturing) it->matrix.record_stream(stream);  // whoever drops it waits for this stream too
      return it->matrix;
    }
  }
  TORCH_CHECK(!capturing,
              "the first Fourier transform of a length makes a matrix on the host, which cannot be captured "
              "into a graph: run the transform once before the capture");
  at::Tensor host = made(key);
  at::Tensor there = host.to(host.is_complex() ? at::kComplexFloat : at::kFloat).to(like.device());
  std::lock_guard lock(*mutex);
  kept->push_front({key, there, false});
  size_t bytes = 0;
  for (auto it = kept->begin(); it != kept->end();) {
    bytes += it->matrix.nbytes();
    it = bytes > kKept && !it->captured && it != kept->begin() ? kept->erase(it) : std::next(it);
  }
  return there;
}

// Neither autocast nor the precision that the user allows for matrix products is for transforms.
at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  at::Tensor out = empty({a.size(0), b.size(1)}, a.scalar_type());
  constexpr int8_t kKeepDtype = 0;
  if (out.numel()) launch<aclnnMm>(a, b, out, kKeepDtype);
  return out;
}

at::Tensor pairs_of(const at::Tensor& x) {  // complex [b, n] as real [b, 2 n]
  return at::view_as_real(dense(x)).view({x.size(0), 2 * x.size(1)});
}
at::Tensor from_pairs(const at::Tensor& x) { return at::view_as_complex(x.view({x.size(0), -1, 2})); }

// The largest divisor of `n` that one matrix does.
int64_t divisor(int64_t n) {
  for (int64_t d = kDirect; d > 1; --d)
    if (n % d == 0) return d;
  return 1;
}

at::Tensor transform(const at::Tensor& x, bool forward, double scale);

// X[k] = c[k] sum_j (x[j] c[j]) conj(c[k - j]), a convolution, done in the next power of two.
at::Tensor convolved(const at::Tensor& x, bool forward, double scale) {
  const int64_t n = x.size(1);
  int64_t length = 1;
  while (length < 2 * n - 1) length *= 2;
  at::Tensor chirp = matrix(Kind::chirp, x, n, 0, forward), back = chirp.conj();
  auto padded = [&](const at::Tensor& t, const at::Tensor& tail) {
    at::Tensor zeros = at::zeros({t.size(0), length - t.size(1) - tail.size(1)}, t.options());
    return at::cat({t, zeros, tail}, 1);
  };
  back = back.resolve_conj().unsqueeze(0);
  at::Tensor kernel = transform(padded(back, back.slice(1, 1).flip(1)), true, 1);
  at::Tensor spectrum = transform(padded(x * chirp, x.slice(1, 0, 0)), true, 1);
  at::Tensor sum = transform(spectrum.mul_(kernel), false, scale / static_cast<double>(length));
  return sum.slice(1, 0, n) * chirp;
}

// Complex [b, n] along its second dimension.
at::Tensor transform(const at::Tensor& x, bool forward, double scale) {
  const int64_t b = x.size(0), n = x.size(1);
  if (n <= kDirect) return from_pairs(product(pairs_of(x), matrix(Kind::c2c, x, n, n, forward, scale)));
  const int64_t n1 = divisor(n), n2 = n / n1;
  if (n1 == 1) return convolved(x, forward, scale);
  at::Tensor columns = x.reshape({b, n1, n2}).transpose(1, 2).reshape({b * n2, n1});
  at::Tensor half = transform(columns, forward, 1).view({b, n2, n1});
  half = half * matrix(Kind::twiddle, x, n, n1, forward);
  half = half.transpose(1, 2).reshape({b * n1, n2});
  return transform(half, forward, scale).view({b, n1, n2}).transpose(1, 2).reshape({b, n});
}

// Does `one` to the last dimension of `x`, `dim` moved there, and moves it back.
template <class F>
at::Tensor along(const at::Tensor& x, int64_t dim, F one) {
  at::Tensor moved = x.movedim(dim, -1);
  at::Tensor rows = one(moved.reshape({-1, moved.size(-1)}));
  c10::DimVector sizes(moved.sizes());
  sizes.back() = rows.size(1);
  return rows.reshape(sizes).movedim(-1, dim);
}

// What each dimension is multiplied by, so that all together are normalised as asked.
double scale_of(int64_t n, int64_t normalization) {
  const auto length = static_cast<double>(n);
  switch (static_cast<at::native::fft_norm_mode>(normalization)) {
    case at::native::fft_norm_mode::none:
      return 1;
    case at::native::fft_norm_mode::by_root_n:
      return 1 / std::sqrt(length);
    case at::native::fft_norm_mode::by_n:
      return 1 / length;
  }
  TORCH_CHECK(false, "_fft: unknown normalization ", normalization);
}

// float64 and, where the matrix unit has no float32 either, float32 are refused: the CPU does them.
void check(const char* name, const at::Tensor& x, c10::ScalarType wanted) {
  check_soc(name, "multiplies matrices of float16 only");
  check_dtype(name, x, bit(wanted));
}

at::Tensor c2c_along(at::Tensor x, at::IntArrayRef dims, int64_t normalization, bool forward) {
  for (int64_t d : dims)
    x = along(x, d,
              [&](const at::Tensor& r) { return transform(r, forward, scale_of(r.size(1), normalization)); });
  return x;
}

// Dimensions by their strides, the largest first.
at::DimVector by_stride(const at::Tensor& x, at::IntArrayRef dims) {
  at::DimVector r(dims);
  std::stable_sort(r.begin(), r.end(), [&](int64_t a, int64_t b) { return x.stride(a) > x.stride(b); });
  return r;
}

// The order in memory that torch, and its fake kernels, give a transform's result: dimensions that are not
// transformed come first, by their strides, and the last one that is comes last.
class Order {
 public:
  Order(const at::Tensor& x, at::IntArrayRef transformed) {
    at::DimVector others;
    for (int64_t d = 0; d < x.dim(); ++d)
      if (std::find(transformed.begin(), transformed.end(), d) == transformed.end()) others.push_back(d);
    order_ = by_stride(x, others);
    order_.append(transformed.begin(), transformed.end());
  }
  // Of transforms that MKL does on the CPU; elsewhere torch leaves the order as it is.
  static Order of_mkl(const at::Tensor& x, at::IntArrayRef transformed) {
    return at::hasMKL() ? Order(x, transformed) : Order(x.new_empty(x.sizes()), {});
  }

  at::Tensor permuted(const at::Tensor& x) const { return x.permute(order_); }
  at::Tensor given_back(const at::Tensor& x) const { return dense(x).permute(places(all())); }
  // Where dimensions are in the order.
  at::DimVector places(at::IntArrayRef dims) const {
    at::DimVector r;
    for (const int64_t d : dims) r.push_back(std::find(order_.begin(), order_.end(), d) - order_.begin());
    return r;
  }

 private:
  at::DimVector all() const {
    at::DimVector r(order_);
    std::iota(r.begin(), r.end(), 0);
    return r;
  }
  at::DimVector order_;
};

at::Tensor c2c_ordered(const at::Tensor& self, at::IntArrayRef dim, int64_t normalization, bool forward) {
  const at::DimVector dims = by_stride(self, dim);
  const Order order(self, dims);
  return order.given_back(c2c_along(order.permuted(self), order.places(dims), normalization, forward));
}

at::Tensor c2c(const at::Tensor& self, at::IntArrayRef dim, int64_t normalization, bool forward) {
  check("_fft_c2c", self, at::kComplexFloat);
  c10::DeviceGuard guard(self.device());
  return dim.empty() ? self.clone() : c2c_ordered(self, dim, normalization, forward);
}

at::Tensor r2c(const at::Tensor& self, at::IntArrayRef dim, int64_t normalization, bool onesided) {
  check("_fft_r2c", self, at::kFloat);
  c10::DeviceGuard guard(self.device());
  at::DimVector dims = by_stride(self, dim.slice(0, dim.size() - 1));
  dims.push_back(dim.back());
  const Order order = Order::of_mkl(self, dims);
  const at::DimVector places = order.places(dims);
  at::Tensor x = along(order.permuted(self), places.back(), [&](const at::Tensor& r) {
    const int64_t n = r.size(1), m = onesided ? n / 2 + 1 : n;
    const double scale = scale_of(n, normalization);
    if (n > kDirect) return transform(at::complex(r, at::zeros_like(r)), true, scale).slice(1, 0, m);
    return from_pairs(product(r, matrix(Kind::r2c, r, n, m, true, scale)));
  });
  const at::IntArrayRef others = at::IntArrayRef(places).slice(0, places.size() - 1);
  return order.given_back(c2c_along(x, others, normalization, true));
}

at::Tensor c2r(const at::Tensor& self, at::IntArrayRef dim, int64_t normalization, int64_t n) {
  check("_fft_c2r", self, at::kComplexFloat);
  c10::DeviceGuard guard(self.device());
  const at::IntArrayRef others = dim.slice(0, dim.size() - 1);
  const at::Tensor x = others.empty() ? self : c2c_ordered(self, others, normalization, false);
  const Order order = Order::of_mkl(x, dim.back());
  return order.given_back(
      along(order.permuted(x), order.places(dim.back()).front(), [&](const at::Tensor& given) {
        const int64_t m = n / 2 + 1;
        const double scale = scale_of(n, normalization);
        at::Tensor r = given.slice(1, 0, m);
        if (n <= kDirect) return product(pairs_of(r), matrix(Kind::c2r, r, n, m, false, scale));
        at::Tensor rest = r.slice(1, 1, n - m + 1).flip(1).conj().resolve_conj();
        return at::real(transform(at::cat({r, rest}, 1), false, scale)).contiguous();
      }));
}

at::Tensor& c2c_out(const at::Tensor& self, at::IntArrayRef dim, int64_t normalization, bool forward,
                    at::Tensor& out) {
  return give(out, c2c(self, dim, normalization, forward));
}
at::Tensor& r2c_out(const at::Tensor& self, at::IntArrayRef dim, int64_t normalization, bool onesided,
                    at::Tensor& out) {
  return give(out, r2c(self, dim, normalization, onesided));
}
at::Tensor& c2r_out(const at::Tensor& self, at::IntArrayRef dim, int64_t normalization, int64_t n,
                    at::Tensor& out) {
  const at::Tensor r = c2r(self, dim, normalization, n);
  check_casts(r.scalar_type(), out.scalar_type());
  return give(out, cast(r, out.scalar_type()));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_fft_c2c", c2c>(m);
  impl<"_fft_c2c.out", c2c_out, Overlap::part>(m);
  impl<"_fft_r2c", r2c>(m);
  impl<"_fft_r2c.out", r2c_out, Overlap::part>(m);
  impl<"_fft_c2r", c2r>(m);
  impl<"_fft_c2r.out", c2r_out, Overlap::part>(m);
}

}  // namespace npu::ops
