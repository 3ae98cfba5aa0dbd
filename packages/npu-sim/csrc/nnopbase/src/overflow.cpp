#include "overflow.h"

#include <array>
#include <cmath>
#include <cstring>

#include "npu_sim/device.h"
#include "npu_sim/memory.h"
#include "npu_sim/queue.h"

namespace npu_sim::nnop {
namespace {

// The exponent and fraction of a floating type within its bits: infinite or no number if the exponent is all
// ones.
template <class Word, Word kExponent, Word kFraction>
struct Layout {
  using type = Word;
  static bool finite(Word w) { return (w & kExponent) != kExponent; }
  // The largest number of its sign; no number becomes 0.
  static Word saturated(Word w) {
    if (w & kFraction) return 0;
    const Word sign = static_cast<Word>(w & ~(kExponent | kFraction));
    constexpr Word kOne = static_cast<Word>(kExponent & (~kExponent + 1));  // the exponent's last bit
    return static_cast<Word>(sign | (kExponent - kOne) | kFraction);
  }
};
using Half = Layout<uint16_t, 0x7c00, 0x03ff>;
using BFloat = Layout<uint16_t, 0x7f80, 0x007f>;
using Float = Layout<uint32_t, 0x7f800000, 0x007fffff>;
using Double = Layout<uint64_t, 0x7ff0000000000000, 0x000fffffffffffff>;

// Calls `f` with every element of a view; stops when it answers false.
template <class Word, class F>
bool each_element(const FlatTensor& t, F f) {
  if (!t.data || t.numel() == 0) return true;
  auto* base = reinterpret_cast<Word*>(static_cast<char*>(shadow(t.data)) + t.first_byte());
  const auto sizes = t.sizes(), strides = t.strides();
  std::array<int64_t, kMaxDescriptorDims> index{};
  int64_t at = 0;
  for (;;) {
    if (!f(base[at])) return false;
    uint32_t d = t.ndim;
    while (d > 0) {
      --d;
      at += strides[d];
      if (++index[d] < sizes[d]) break;
      at -= strides[d] * sizes[d];
      index[d] = 0;
      if (d == 0) return true;
    }
    if (t.ndim == 0) return true;
  }
}

// Calls `f(layout, tensor)` if the tensor is of a floating type; answers true for the others.
template <class F>
bool with_layout(const FlatTensor& t, F f) {
  switch (t.dtype) {
    case ACL_FLOAT16:
      return f(Half{});
    case ACL_BF16:
      return f(BFloat{});
    case ACL_FLOAT:
      return f(Float{});
    case ACL_DOUBLE:
      return f(Double{});
    default:
      return true;
  }
}

bool finite(const FlatTensor& t) {
  return with_layout(t, [&](auto layout) {
    using L = decltype(layout);
    return each_element<typename L::type>(t, [](typename L::type w) { return L::finite(w); });
  });
}

bool finite(const FlatScalar& s) {
  double value = 0;
  if (s.dtype == ACL_DOUBLE) std::memcpy(&value, s.value, sizeof value);
  if (s.dtype == ACL_FLOAT) {
    float narrow = 0;
    std::memcpy(&narrow, s.value, sizeof narrow);
    value = narrow;
  }
  return std::isfinite(value);
}

// Calls `f` with every tensor of the parameters that `wanted` takes, until it answers false.
template <class Wanted, class F>
bool each_tensor(const Call& call, Wanted wanted, F f) {
  const Operator& op = call.op();
  for (uint32_t i = 0; i < op.count; ++i) {
    const Param& p = op.params[i];
    if (!wanted(p) || !call.has(i)) continue;
    if (p.kind == Kind::tensor && !f(*call.tensor(i))) return false;
    if (p.kind == Kind::tensors)
      for (uint32_t j = 0; j < call.list_size(i); ++j)
        if (const FlatTensor* t = call.list_tensor(i, j); t && !f(*t)) return false;
  }
  return true;
}

bool operands_finite(const Call& call) {
  const Operator& op = call.op();
  for (uint32_t i = 0; i < op.count; ++i)
    if (op.params[i].kind == Kind::scalar && call.has(i) && !finite(*call.scalar(i))) return false;
  return each_tensor(
      call, [](const Param& p) { return p.is_input(); }, [](const FlatTensor& t) { return finite(t); });
}

}  // namespace

OverflowWatch::OverflowWatch(const Call& call) : call_(call) {
  const Stream* stream = worker_stream();
  if (!stream) return;
  saturates_ =
      stream->device.overflow_mode.load(std::memory_order_relaxed) == ACL_RT_OVERFLOW_MODE_SATURATION;
  remembers_ = stream->overflow_switch.load(std::memory_order_relaxed) != 0;
  looks_ = (saturates_ || remembers_) && operands_finite(call);
}

void OverflowWatch::finish() {
  if (!looks_) return;
  bool found = false;
  each_tensor(
      call_, [](const Param& p) { return p.is_output(); },
      [&](const FlatTensor& t) {
        return with_layout(t, [&](auto layout) {
          using L = decltype(layout);
          return each_element<typename L::type>(t, [&](typename L::type& w) {
            if (L::finite(w)) return true;
            found = true;
            if (saturates_) w = L::saturated(w);
            return true;
          });
        });
      });
  if (found && remembers_) worker_stream()->device.overflowed.store(true);
}

}  // namespace npu_sim::nnop
