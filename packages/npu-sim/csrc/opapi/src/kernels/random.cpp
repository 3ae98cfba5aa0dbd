// SPDX-License-Identifier: BSD-3-Clause
// Random numbers: each element is a function of seed, offset and its index alone, so results depend neither
// on the number of threads nor on the output's strides.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "../kernel.h"
#include "../philox.h"

namespace npu_sim::ops {

namespace {

// What seeds an operator: element i takes position `offset` + i.
struct Seed {
  uint64_t seed, offset;
  Seed(int64_t s, int64_t o) : seed(static_cast<uint64_t>(s)), offset(static_cast<uint64_t>(o)) {}
  // As a captured graph has it: both in device memory, and an offset within the graph.
  Seed(In s, In o, int64_t more) : Seed(word(s), word(o) + more) {}

 private:
  static int64_t word(In t) { return (t.element_size() == 8 ? t.view(at::kLong) : t).item<int64_t>(); }
};

// Fills `n` elements: value(low, high) gets two words of each position. With kTwo false `high` is 0 and not
// computed.
template <bool kTwo, class T, class F>
void generate(T* out, int64_t n, Seed s, F value) {
  at::parallel_for(0, (n + philox::kChunk - 1) / philox::kChunk, 4, [&](int64_t begin, int64_t end) {
    uint32_t low[philox::kWords], high[kTwo ? philox::kWords : 1];
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t at = chunk * philox::kChunk, count = std::min(philox::kChunk, n - at);
      const uint64_t first = s.offset + static_cast<uint64_t>(at);
      const uint32_t* a = philox::words(s.seed, first, 0, count, low);
      const uint32_t* b = kTwo ? philox::words(s.seed, first, 1, count, high) : nullptr;
      for (int64_t i = 0; i < count; ++i) out[at + i] = value(a[i], kTwo ? b[i] : 0u);
    }
  });
}

// Fills `out` whatever its dtype and strides: the numbers are made in T and cast.
template <class T, bool kTwo, class F>
void fill(Out out, Seed s, F value) {
  constexpr auto type = c10::CppTypeToScalarType<T>::value;
  if (out.scalar_type() == type && out.is_contiguous())
    return generate<kTwo>(out.data_ptr<T>(), out.numel(), s, value);
  at::Tensor made = at::empty(out.sizes(), at::TensorOptions().dtype(type));
  generate<kTwo>(made.data_ptr<T>(), made.numel(), s, value);
  out.copy_(made);
}

// [0, 1) with as many bits as the dtype holds, so that casting never rounds up to 1.
template <int kBits>
float unit(uint32_t w) {
  return static_cast<float>(w >> (32 - kBits)) * (1.0f / static_cast<float>(1 << kBits));
}
double unit(uint32_t low, uint32_t high) {
  return static_cast<double>((uint64_t{low} << 32 | high) >> 11) * 0x1p-53;
}

void uniform(Out out, double from, double to, Seed s) {
  const auto f = static_cast<float>(from), span = static_cast<float>(to - from);
  switch (out.scalar_type()) {
    case at::kHalf:
      return fill<float, false>(out, s, [=](uint32_t w, uint32_t) { return f + span * unit<11>(w); });
    case at::kBFloat16:
      return fill<float, false>(out, s, [=](uint32_t w, uint32_t) { return f + span * unit<8>(w); });
    case at::kFloat:
      return fill<float, false>(out, s, [=](uint32_t w, uint32_t) { return f + span * unit<24>(w); });
    default:
      fill<double, true>(out, s, [=](uint32_t a, uint32_t b) { return from + (to - from) * unit(a, b); });
  }
}

// Box-Muller; 1 - u keeps the logarithm finite.
void normal(Out out, double mean, double std, Seed s) {
  constexpr auto turn = 2 * std::numbers::pi;
  if (out.scalar_type() == at::kDouble) {
    return fill<double, true>(out, s, [=](uint32_t a, uint32_t b) {
      const double u = static_cast<double>(a) * 0x1p-32, v = static_cast<double>(b) * 0x1p-32;
      return mean + std * std::sqrt(-2 * std::log(1 - u)) * std::cos(turn * v);
    });
  }
  fill<float, true>(out, s,
                    [=, m = static_cast<float>(mean), d = static_cast<float>(std)](uint32_t a, uint32_t b) {
                      const float radius = std::sqrt(-2 * std::log(1 - unit<24>(a)));
                      return m + d * radius * std::cos(static_cast<float>(turn) * unit<24>(b));
                    });
}

// Integers from `from` to `to` - 1.
void integers(Out out, int64_t from, int64_t to, Seed s) {
  const uint64_t range = static_cast<uint64_t>(to) - static_cast<uint64_t>(from);
  if (range == 0) throw std::runtime_error("random integers need from < to");
  if (range <= uint64_t{1} << 32) {
    fill<int64_t, false>(out, s,
                         [=](uint32_t w, uint32_t) { return from + static_cast<int64_t>(w * range >> 32); });
  } else {
    fill<int64_t, true>(out, s, [=](uint32_t a, uint32_t b) {
      return static_cast<int64_t>(static_cast<uint64_t>(from) + (uint64_t{a} << 32 | b) % range);
    });
  }
}

// What Tensor.random_() without bounds means: every non-negative integer that the dtype holds exactly.
void integers(Out out, Seed s) {
  switch (out.scalar_type()) {
    case at::kBool:
      return integers(out, 0, 2, s);
    case at::kByte:
      return integers(out, 0, 256, s);
    case at::kChar:
      return integers(out, 0, 128, s);
    case at::kShort:
      return integers(out, 0, 1 << 15, s);
    case at::kInt:
      return integers(out, 0, int64_t{1} << 31, s);
    case at::kHalf:
      return integers(out, 0, (1 << 11) + 1, s);
    case at::kBFloat16:
      return integers(out, 0, (1 << 8) + 1, s);
    case at::kFloat:
      return integers(out, 0, (1 << 24) + 1, s);
    case at::kDouble:
      return integers(out, 0, (int64_t{1} << 53) + 1, s);
    default:
      return integers(out, 0, std::numeric_limits<int64_t>::max(), s);
  }
}

void bernoulli(Out out, double p, Seed s) {
  fill<bool, false>(out, s, [p](uint32_t w, uint32_t) { return static_cast<double>(w) * 0x1p-32 < p; });
}

// One bit an element, the lowest first: set where the element is kept. Bits beyond the last element are 0.
void dropout_mask(Out out, at::IntArrayRef shape, double p, Seed s) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  if (out.numel() * 8 < n)
    throw std::runtime_error("a mask of " + std::to_string(out.numel()) + " bytes is too small for " +
                             std::to_string(n) + " elements");
  at::Tensor kept = at::empty({n}, at::TensorOptions().dtype(at::kBool));
  bernoulli(kept, 1 - p, s);
  at::Tensor bytes = at::empty(out.sizes(), at::TensorOptions().dtype(at::kByte));
  const bool* in = kept.const_data_ptr<bool>();
  auto* to = bytes.data_ptr<uint8_t>();
  for (int64_t i = 0; i < bytes.numel(); ++i) {
    unsigned b = 0;
    for (int64_t j = 8 * i; j < std::min(8 * i + 8, n); ++j) b |= unsigned{in[j]} << (j & 7);
    to[i] = static_cast<uint8_t>(b);
  }
  out.copy_(bytes);
}

}  // namespace

NPU_SIM_KERNEL(aclnnInplaceUniform, rules::uniform) = [](Out self, double from, double to, int64_t seed,
                                                         int64_t offset) {
  uniform(self, from, to, {seed, offset});
};
NPU_SIM_KERNEL(aclnnInplaceUniformTensor, rules::all<rules::uniform, rules::seeds>) =
    [](Out self, double from, double to, In seed, In offset, int64_t more) {
      uniform(self, from, to, {seed, offset, more});
    };
NPU_SIM_KERNEL(aclnnInplaceNormal, rules::normal) = [](Out self, double mean, double std, int64_t seed,
                                                       int64_t offset) {
  normal(self, mean, std, {seed, offset});
};
NPU_SIM_KERNEL(aclnnInplaceNormalTensor, rules::all<rules::normal, rules::seeds>) =
    [](Out self, double mean, double std, In seed, In offset, int64_t more) {
      normal(self, mean, std, {seed, offset, more});
    };
// Whether CANN refuses a negative std here is not public.
NPU_SIM_KERNEL(aclnnNormalFloatFloat, rules::none) = [](double mean, double std, int64_t seed, int64_t offset,
                                                        Out out) {
  normal(out, mean, std, {seed, offset});
};
NPU_SIM_KERNEL(aclnnNormalFloatTensor, rules::same) = [](double mean, In std, int64_t seed, int64_t offset,
                                                         Out out) {
  normal(out, 0, 1, {seed, offset});
  out.mul_(std).add_(mean);
};
NPU_SIM_KERNEL(aclnnNormalTensorFloat, rules::same) = [](In mean, double std, int64_t seed, int64_t offset,
                                                         Out out) {
  normal(out, 0, std, {seed, offset});
  out.add_(mean);
};
NPU_SIM_KERNEL(aclnnNormalTensorTensor, rules::broadcast) = [](In mean, In std, int64_t seed, int64_t offset,
                                                               Out out) {
  normal(out, 0, 1, {seed, offset});
  out.mul_(std).add_(mean);
};
NPU_SIM_KERNEL(aclnnInplaceRandom, rules::random_integers) = [](Out self, int64_t from, int64_t to,
                                                                int64_t seed, int64_t offset) {
  integers(self, from, to, {seed, offset});
};
NPU_SIM_KERNEL(aclnnInplaceRandomTensor, rules::all<rules::random_integers, rules::seeds>) =
    [](Out self, int64_t from, int64_t to, In seed, In offset, int64_t more) {
      integers(self, from, to, {seed, offset, more});
    };
// One tensor, and nothing but its seed.
NPU_SIM_KERNEL(aclnnInplaceRandomWithoutFromTo, rules::none) = [](Out self, int64_t seed, int64_t offset) {
  integers(self, {seed, offset});
};
NPU_SIM_KERNEL(aclnnInplaceRandomWithoutFromToTensor, rules::seeds) = [](Out self, In seed, In offset,
                                                                         int64_t more) {
  integers(self, {seed, offset, more});
};
NPU_SIM_KERNEL(aclnnInplaceBernoulli, rules::probability) = [](Out self, Num prob, int64_t seed,
                                                               int64_t offset) {
  bernoulli(self, prob.toDouble(), {seed, offset});
};
NPU_SIM_KERNEL(aclnnInplaceBernoulliTensor, rules::in_place) = [](Out self, In prob, int64_t seed,
                                                                  int64_t offset) {
  at::Tensor u = at::empty(self.sizes(), at::TensorOptions().dtype(at::kDouble));
  uniform(u, 0, 1, {seed, offset});
  self.copy_(u.lt(prob));
};

NPU_SIM_KERNEL(aclnnRandperm, rules::counted) = [](int64_t n, int64_t seed, int64_t offset, Out out) {
  std::vector<std::pair<int64_t, int64_t>> order(static_cast<size_t>(n));
  at::Tensor keys = at::empty({n}, at::TensorOptions().dtype(at::kLong));
  integers(keys, 0, std::numeric_limits<int64_t>::max(), {seed, offset});
  for (int64_t i = 0; i < n; ++i) order[static_cast<size_t>(i)] = {keys.const_data_ptr<int64_t>()[i], i};
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < n; ++i) keys.data_ptr<int64_t>()[i] = order[static_cast<size_t>(i)].second;
  out.copy_(keys);
};

NPU_SIM_KERNEL(aclnnDropoutGenMask, rules::dropout_mask) = [](at::IntArrayRef shape, double p, int64_t seed,
                                                              int64_t offset, Out out) {
  dropout_mask(out, shape, p, {seed, offset});
};
NPU_SIM_KERNEL(aclnnDropoutGenMaskV2, rules::dropout_mask) = [](at::IntArrayRef shape, double p, int64_t seed,
                                                                int64_t offset, at::ScalarType, Out out) {
  dropout_mask(out, shape, p, {seed, offset});
};
NPU_SIM_KERNEL(aclnnDropoutGenMaskV2Tensor, rules::all<rules::dropout_mask, rules::seeds>) =
    [](at::IntArrayRef shape, double p, In seed, In offset, int64_t more, at::ScalarType, Out out) {
      dropout_mask(out, shape, p, {seed, offset, more});
    };
NPU_SIM_KERNEL(aclnnDropoutDoMask, rules::dropout) = [](In self, In mask, double p, Out out) {
  at::Tensor kept = at::empty(self.sizes(), at::TensorOptions().dtype(at::kBool));
  const at::Tensor bits = mask.contiguous();
  const auto* from = bits.const_data_ptr<uint8_t>();
  auto* to = kept.data_ptr<bool>();
  if (bits.numel() * 8 < self.numel())
    throw std::runtime_error("the mask has fewer bits than the input has elements");
  for (int64_t i = 0; i < self.numel(); ++i) to[i] = from[i / 8] >> (i % 8) & 1;
  if (p >= 1)
    out.zero_();
  else
    out.copy_(at::mul(self, kept).mul_(1 / (1 - p)));
};

// A slope for each element that is not positive: drawn in training, which 'noise' keeps, else the middle one.
NPU_SIM_KERNEL(aclnnRReluWithNoise, rules::same) = [](In self, Out noise, Num lower, Num upper, bool training,
                                                      int64_t seed, int64_t offset, Out out) {
  const double from = lower.toDouble(), to = upper.toDouble();
  if (!training) {
    out.copy_(self.gt(0).logical_not_().to(self.scalar_type()).mul_((from + to) / 2 - 1).add_(1).mul_(self));
    return;
  }
  at::Tensor drawn = at::empty(self.sizes(), self.options());
  uniform(drawn, from, to, {seed, offset});
  noise.copy_(drawn.masked_fill_(self.gt(0), 1).view(noise.sizes()));
  out.copy_(drawn.mul_(self));
};

}  // namespace npu_sim::ops
