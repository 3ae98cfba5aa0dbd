#include <bit>
#include <cstring>
#include <type_traits>

#include "dtype.h"

namespace npu_sim::hccl {
namespace {

float from_half(uint16_t h) {
  const uint32_t sign = (h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1f;
  const uint32_t mantissa = h & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {  // zero and subnormals
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t to_half(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u;   // NaN
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // rounds to infinity
  if (magnitude < 0x38800000u) {                        // subnormal: the addition rounds to even
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(rounded) - std::bit_cast<uint32_t>(0.5f)));
  }
  const uint32_t rounded = magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>(sign | (rounded >> 13));
}

float from_bfloat(uint16_t h) { return std::bit_cast<float>(static_cast<uint32_t>(h) << 16); }

uint16_t to_bfloat(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);  // NaN
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

// How elements lie in memory and in what type they are accumulated.
template <class T>
struct Plain {
  using Stored = T;
  // Integers wrap around, as on the device.
  using Value = T;
  static Value load(Stored s) { return s; }
  static Stored store(Value v) { return v; }
};
struct Half {
  using Stored = uint16_t;
  using Value = float;
  static Value load(Stored s) { return from_half(s); }
  static Stored store(Value v) { return to_half(v); }
};
struct BFloat {
  using Stored = uint16_t;
  using Value = float;
  static Value load(Stored s) { return from_bfloat(s); }
  static Stored store(Value v) { return to_bfloat(v); }
};

template <class T, class F>
T wrapping(T a, T b, F f) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  else
    return f(a, b);
}

template <HcclReduceOp op, class T>
T combine(T a, T b) {
  if constexpr (op == HCCL_REDUCE_SUM) {
    return wrapping(a, b, [](auto x, auto y) { return x + y; });
  } else if constexpr (op == HCCL_REDUCE_PROD) {
    return wrapping(a, b, [](auto x, auto y) { return x * y; });
  } else {
    // A NaN of either side stays.
    if constexpr (std::is_floating_point_v<T>)
      if (a != a || b != b) return a != a ? a : b;
    if constexpr (op == HCCL_REDUCE_MAX)
      return a < b ? b : a;
    else
      return b < a ? b : a;
  }
}

template <HcclReduceOp op, class D>
void reduce_as(void* out, std::span<const void* const> inputs, uint64_t count) {
  using Stored = typename D::Stored;
  constexpr uint64_t kBlock = 512;  // a block of accumulators stays in the first cache
  typename D::Value sums[kBlock];
  auto* to = static_cast<Stored*>(out);
  for (uint64_t begin = 0; begin < count; begin += kBlock) {
    const uint64_t n = count - begin < kBlock ? count - begin : kBlock;
    const auto* first = static_cast<const Stored*>(inputs[0]) + begin;
    for (uint64_t i = 0; i < n; ++i) sums[i] = D::load(first[i]);
    for (const void* input : inputs.subspan(1)) {
      const auto* from = static_cast<const Stored*>(input) + begin;
      for (uint64_t i = 0; i < n; ++i) sums[i] = combine<op>(sums[i], D::load(from[i]));
    }
    for (uint64_t i = 0; i < n; ++i) to[begin + i] = D::store(sums[i]);
  }
}

template <class D>
void reduce_by(void* out, std::span<const void* const> inputs, uint64_t count, HcclReduceOp op) {
  switch (op) {
    case HCCL_REDUCE_SUM:
      return reduce_as<HCCL_REDUCE_SUM, D>(out, inputs, count);
    case HCCL_REDUCE_PROD:
      return reduce_as<HCCL_REDUCE_PROD, D>(out, inputs, count);
    case HCCL_REDUCE_MAX:
      return reduce_as<HCCL_REDUCE_MAX, D>(out, inputs, count);
    default:
      return reduce_as<HCCL_REDUCE_MIN, D>(out, inputs, count);
  }
}

}  // namespace

void reduce(void* out, std::span<const void* const> inputs, uint64_t count, HcclDataType dtype,
            HcclReduceOp op) {
  switch (dtype) {
    case HCCL_DATA_TYPE_INT8:
      return reduce_by<Plain<int8_t>>(out, inputs, count, op);
    case HCCL_DATA_TYPE_INT16:
      return reduce_by<Plain<int16_t>>(out, inputs, count, op);
    case HCCL_DATA_TYPE_INT32:
      return reduce_by<Plain<int32_t>>(out, inputs, count, op);
    case HCCL_DATA_TYPE_INT64:
      return reduce_by<Plain<int64_t>>(out, inputs, count, op);
    case HCCL_DATA_TYPE_UINT64:
      return reduce_by<Plain<uint64_t>>(out, inputs, count, op);
    case HCCL_DATA_TYPE_FP16:
      return reduce_by<Half>(out, inputs, count, op);
    case HCCL_DATA_TYPE_BFP16:
      return reduce_by<BFloat>(out, inputs, count, op);
    case HCCL_DATA_TYPE_FP32:
      return reduce_by<Plain<float>>(out, inputs, count, op);
    default:  // callers asked `reducible`
      return reduce_by<Plain<double>>(out, inputs, count, op);
  }
}

}  // namespace npu_sim::hccl
