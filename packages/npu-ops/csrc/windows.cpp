// SPDX-License-Identifier: BSD-3-Clause
#include "windows.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/div.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/max.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "otherwise.h"
#include "products.h"
#include "tensors.h"

namespace npu::ops {
namespace {

using Ints = at::IntArrayRef;

// The last `n` sizes of a tensor.
Ints last(const at::Tensor& t, size_t n) { return t.sizes().slice(t.sizes().size() - n); }

// One number for all of `n` dimensions, or one for each; none, those of
// `otherwise`.
Dims each(Ints v, size_t n, Ints otherwise = {}) {
  if (v.empty()) v = otherwise;
  return v.size() == 1 ? Dims(n, v[0]) : Dims(v.begin(), v.end());
}

c10::Scalar lowest(c10::ScalarType t) {
  switch (t) {
    case at::kByte:
      return 0;
    case at::kChar:
      return std::numeric_limits<int8_t>::lowest();
    case at::kShort:
      return std::numeric_limits<int16_t>::lowest();
    case at::kInt:
      return std::numeric_limits<int32_t>::lowest();
    default:
      return std::numeric_limits<int64_t>::lowest();
  }
}

}  // namespace

at::Tensor windows(const at::Tensor& t, Ints size, Ints kernel, Ints stride, Ints padding, Ints dilation,
                   const c10::Scalar& fill) {
  const size_t n = kernel.size();
  const Ints in = last(t, n);
  Dims frame, extent(n);
  bool framed = false;
  for (size_t i = n; i-- > 0;) {  // constant_pad_nd counts from the last dimension
    extent[i] = (kernel[i] - 1) * dilation[i] + 1;
    const int64_t after = (size[i] - 1) * stride[i] + extent[i] - in[i] - padding[i];
    frame.append({padding[i], std::max<int64_t>(after, 0)});
    framed |= padding[i] != 0 || after > 0;
  }
  at::Tensor r = framed ? at::constant_pad_nd(t, frame, fill) : t;
  for (size_t i = 0; i < n; ++i) {
    const int64_t d = t.dim() - static_cast<int64_t>(n - i);
    r = r.unfold(d, extent[i], stride[i]).narrow(d, 0, size[i]);
    if (dilation[i] > 1) r = r.slice(-1, 0, std::nullopt, dilation[i]);
  }
  return r;
}

std::tuple<at::Tensor, at::Tensor> largest_of_integers(const at::Tensor& t, Ints size, Ints kernel,
                                                       Ints stride, Ints padding, Ints dilation) {
  const auto n = static_cast<int64_t>(kernel.size());
  const Ints in = last(t, kernel.size());
  auto of = [&](const at::Tensor& x, const c10::Scalar& fill) {
    return windows(x, size, kernel, stride, padding, dilation, fill).flatten(-n);
  };
  auto [values, chosen] = at::max(of(t, lowest(t.scalar_type())), -1);
  const at::Tensor all = at::arange(c10::multiply_integers(in), t.options().dtype(at::kLong)).view(in);
  const at::Tensor places = of(all, 0);
  Dims sizes(chosen.sizes().begin(), chosen.sizes().end());
  sizes.push_back(places.size(-1));
  const at::Tensor at = at::gather(places.expand(sizes), -1, chosen.unsqueeze(-1));
  return {values, at.squeeze(-1)};
}

at::Tensor integer_convolution(const at::Tensor& input, const at::Tensor& weight, Ints size, Ints stride,
                               Ints padding, Ints dilation, bool transposed, int64_t groups) {
  const size_t n = weight.sizes().size() - 2;
  const Ints kernel = last(weight, n), in = last(input, n);
  const int64_t batch = input.size(0), channels = input.size(1);
  at::Tensor x = input, w = weight;
  Dims step(stride.begin(), stride.end()), frame(padding.begin(), padding.end());
  if (transposed) {  // the convolution of the input, its elements `stride`
                     // apart, with the mirrored weight
    Dims apart(input.sizes().begin(), input.sizes().end()), mirrored;
    for (size_t i = 0; i < n; ++i) {
      apart[i + 2] = (in[i] - 1) * stride[i] + 1;
      mirrored.push_back(static_cast<int64_t>(i) + 2);
      frame[i] = dilation[i] * (kernel[i] - 1) - padding[i];
      step[i] = 1;
    }
    x = at::zeros(apart, input.options());
    at::Tensor there = x;
    for (size_t i = 0; i < n; ++i)
      there = there.slice(static_cast<int64_t>(i) + 2, 0, std::nullopt, stride[i]);
    device_copy(there, input);
    w = at::flip(weight, mirrored).unflatten(0, {groups, channels / groups}).transpose(1, 2).flatten(0, 1);
  }
  at::Tensor under = windows(x, size.slice(2), kernel, step, frame, dilation, 0);
  Dims order = {0, 1};
  for (size_t i = 0; i < n; ++i) order.push_back(static_cast<int64_t>(2 + n + i));
  for (size_t i = 0; i < n; ++i) order.push_back(static_cast<int64_t>(2 + i));
  const int64_t places = c10::multiply_integers(size.slice(2)), taken = w.numel() / w.size(0);
  at::Tensor columns = under.permute(order).reshape({batch * groups, taken, places});
  at::Tensor rows = w.reshape({groups, w.size(0) / groups, taken});
  if (batch != 1) rows = rows.unsqueeze(0).expand({batch, -1, -1, -1}).flatten(0, 1);
  return integer_product(rows, columns).view(size);
}

namespace otherwise {
namespace {

// The mean under each window, rounded to zero as the CPU does it.
template <size_t N>
bool mean_of_integers(Call& k, In self, Ints kernel, Ints stride, Ints padding, bool with_padding,
                      std::optional<int64_t> divisor) {
  if (!c10::isIntegralType(self.scalar_type(), /*includeBool=*/false)) return false;
  const at::Tensor& out = k.out(0, 0);
  const Dims ks = each(kernel, N), ss = each(stride, N, kernel), ps = each(padding, N), ones(N, 1);
  const Ints size = last(out, N), in = last(self, N);
  Dims reduced(N);
  std::iota(reduced.begin(), reduced.end(), self.dim());
  const at::Tensor total = at::sum(windows(self, size, ks, ss, ps, ones, 0), reduced,
                                   /*keepdim=*/false, self.scalar_type());
  // How many elements are under each window, as a product of vectors, one a
  // dimension.
  at::Tensor count;
  for (size_t d = 0; d < N; ++d) {
    std::vector<int64_t> along;
    for (int64_t i = 0; i < size[d]; ++i) {
      const int64_t begin = i * ss[d] - ps[d], end = std::min(begin + ks[d], in[d] + ps[d]);
      along.push_back(with_padding ? end - begin : std::min(end, in[d]) - std::max<int64_t>(begin, 0));
    }
    count = d ? at::mul(count.unsqueeze(-1), at::tensor(along)) : at::tensor(along);
  }
  if (divisor) count = at::tensor(*divisor);
  device_copy(out, at::div(total, count.to(self.options()), "trunc"));
  return true;
}

}  // namespace

bool avg_pool2d(Call& k, In self, Ints kernel, Ints stride, Ints padding, bool, bool with_padding,
                std::optional<int64_t> divisor) {
  return mean_of_integers<2>(k, self, kernel, stride, padding, with_padding, divisor);
}
bool avg_pool3d(Call& k, In self, Ints kernel, Ints stride, Ints padding, bool, bool with_padding,
                std::optional<int64_t> divisor) {
  return mean_of_integers<3>(k, self, kernel, stride, padding, with_padding, divisor);
}
bool max_pool2d(Call& k, In self, Ints kernel, Ints stride, Ints padding, Ints dilation, bool) {
  if (!c10::isIntegralType(self.scalar_type(), /*includeBool=*/false)) return false;
  auto [values, places] = largest_of_integers(self, last(k.out(0, 0), 2), each(kernel, 2),
                                              each(stride, 2, kernel), each(padding, 2), each(dilation, 2));
  device_copy(k.out(0, 0), values);
  device_copy(k.out(1, 0), places);
  return true;
}

}  // namespace otherwise
}  // namespace npu::ops
