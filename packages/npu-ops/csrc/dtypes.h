// SPDX-License-Identifier: BSD-3-Clause
// Sets of dtypes, and the check that an operand's dtype is one that the aclnn operator and the SoC accept.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <string_view>

namespace npu::ops {

// A set of c10::ScalarType as bits. Zero means that nothing is known, and everything is let through.
using DtypeSet = uint64_t;

constexpr DtypeSet bit(c10::ScalarType t) { return uint64_t{1} << static_cast<int>(t); }

// The dtype that a letter stands for in the generated code. The letters are written by codegen/dtypes.py.
consteval c10::ScalarType letter(char c) {
  switch (c) {
    case 'f':
      return c10::kFloat;
    case 'h':
      return c10::kHalf;
    case 'b':
      return c10::kBFloat16;
    case 'd':
      return c10::kDouble;
    case 'l':
      return c10::kLong;
    case 'i':
      return c10::kInt;
    case 's':
      return c10::kShort;
    case 'c':
      return c10::kChar;
    case 'u':
      return c10::kByte;
    case '?':
      return c10::kBool;
    case 'H':
      return c10::kComplexHalf;
    case 'F':
      return c10::kComplexFloat;
    case 'D':
      return c10::kComplexDouble;
    case 't':
      return c10::kUInt16;
    case 'j':
      return c10::kUInt32;
    case 'm':
      return c10::kUInt64;
    default:
      throw "unknown dtype letter";
  }
}

consteval DtypeSet dtypes(std::string_view letters) {
  DtypeSet set = 0;
  for (char c : letters) set |= bit(letter(c));
  return set;
}

// Raised where CANN's operator does not take a dtype. Python sees a NotImplementedError, unless the operator
// is declared in tables/fallback.yaml: then the CPU computes it.
class RefusedDtype : public c10::NotImplementedError {
  using c10::NotImplementedError::NotImplementedError;
};

// Raises RefusedDtype, or NotImplementedError if it is the SoC that lacks the dtype, naming operator, dtype,
// shape and remedy.
[[noreturn]] void refuse_dtype(const char* op, const at::Tensor& t, DtypeSet accepted);

// Whether this SoC computes in bfloat16; asked once.
bool soc_has_bfloat16();

inline void check_dtype(const char* op, const at::Tensor& t, DtypeSet accepted) {
  auto type = t.scalar_type();
  bool known = accepted == 0 || (accepted & bit(type));
  if (C10_UNLIKELY(!known || (type == c10::kBFloat16 && !soc_has_bfloat16()))) refuse_dtype(op, t, accepted);
}

}  // namespace npu::ops
