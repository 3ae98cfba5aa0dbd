// SPDX-License-Identifier: BSD-3-Clause
// Dtypes that the device computes in and torch's CPU kernels do not: computed in a wider one.
#include <ATen/ops/nan_to_num.h>
#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>

#include <limits>
#include <utility>

#include "kernel.h"

namespace npu_sim::ops {

namespace {

at::ScalarType wider(at::ScalarType t, int step) {
  if (step == 2) {
    const at::ScalarType next = wider(t, 1);
    return c10::isIntegralType(next, /*includeBool=*/false) ? at::kDouble : next;
  }
  switch (t) {
    case at::kBool:
      return at::kByte;
    case at::kUInt16:
      return at::kInt;
    case at::kUInt32:
    case at::kUInt64:  // beyond 2^63 these are wrong: torch has no wider integer
      return at::kLong;
    case at::kHalf:
    case at::kBFloat16:
    case at::kFloat8_e5m2:
    case at::kFloat8_e4m3fn:
      return at::kFloat;
    case at::kComplexHalf:
      return at::kComplexFloat;
    default:
      return t;
  }
}

template <class T>
std::pair<int64_t, int64_t> limits() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

std::pair<int64_t, int64_t> limits_of(at::ScalarType t) {
  switch (t) {
    case at::kByte:
      return limits<uint8_t>();
    case at::kChar:
      return limits<int8_t>();
    case at::kShort:
      return limits<int16_t>();
    case at::kUInt16:
      return limits<uint16_t>();
    case at::kInt:
      return limits<int32_t>();
    case at::kUInt32:
      return limits<uint32_t>();
    default:
      return limits<int64_t>();
  }
}

// C++ leaves it open what an integer gets that cannot hold the value; the device saturates.
void store(In from, const at::Tensor& to) {
  const bool narrows =
      c10::isFloatingType(from.scalar_type()) && c10::isIntegralType(to.scalar_type(), /*includeBool=*/false);
  if (!narrows) {
    to.copy_(from);
    return;
  }
  const auto [low, high] = limits_of(to.scalar_type());
  const at::Tensor above = from.ge(static_cast<double>(high)), below = from.le(static_cast<double>(low));
  const at::Tensor fitting =
      at::nan_to_num(from, 0.0, 0.0, 0.0).masked_fill_(above, 0).masked_fill_(below, 0);
  // In int64, since torch fills no unsigned ones.
  to.copy_(fitting.to(at::kLong).masked_fill_(above, high).masked_fill_(below, low));
}

}  // namespace

bool Operands::widen(int step) {
  bool any = false;
  for (Operand& o : all_) {
    const at::ScalarType from = o.original.scalar_type(), to = wider(from, step);
    *o.slot = from == to ? o.original : o.original.to(to);
    any = any || from != to;
  }
  return any;
}

void Operands::write_back() const {
  for (const Operand& o : all_)
    if (o.written && !o.slot->is_same(o.original)) store(*o.slot, o.original);
}

void compute(c10::function_ref<void()> kernel, c10::function_ref<void(Operands&)> operands) {
  std::string missing;
  try {
    return kernel();
  } catch (const c10::NotImplementedError& e) {
    missing = e.what_without_backtrace();
  }
  Operands all;
  operands(all);
  for (int step : {1, 2}) {
    if (!all.widen(step)) continue;
    try {
      kernel();
      return all.write_back();
    } catch (const c10::NotImplementedError&) {
      // a step further, or not at all
    }
  }
  throw nnop::NotSimulated(missing);
}

}  // namespace npu_sim::ops
