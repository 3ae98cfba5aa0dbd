// SPDX-License-Identifier: BSD-3-Clause
// A call as text, for errors.
#include <bit>
#include <cstring>

#include "call_record.h"
#include "dtype_names.h"
#include "operator.h"

namespace npu {
namespace {

constexpr uint32_t kShown = 16;  // elements of a list

template <class T, class F>
std::string list(const T* values, uint32_t n, F show) {
  std::string text = "[";
  for (uint32_t i = 0; i < n && i < kShown; ++i) text += (i ? ", " : "") + show(values[i]);
  return text + (n > kShown ? ", ...]" : "]");
}

std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", v);
  return text;
}

std::string scalar(int dtype, const void* value) {
  auto as = [value](auto zero) {
    std::memcpy(&zero, value, sizeof zero);
    return zero;
  };
  switch (dtype) {
    case ACL_BOOL:
      return as(char{}) ? "True" : "False";
    case ACL_INT64:
      return std::to_string(as(int64_t{}));
    case ACL_INT32:
      return std::to_string(as(int32_t{}));
    case ACL_DOUBLE:
      return number(as(double{}));
    case ACL_FLOAT:
      return number(as(float{}));
    default:
      return std::string(dtype_info(dtype).name) + " scalar";
  }
}

std::string show(const ArgView& a) {
  const auto* ints = reinterpret_cast<const int64_t*>(a.data);
  switch (a.kind) {
    case NPU_ARG_NONE:
      return "None";
    case NPU_ARG_TENSOR: {
      const TensorView t = a.tensor();
      return dtype_info(t.dtype).name + list(t.sizes, t.ndim, [](int64_t v) { return std::to_string(v); });
    }
    case NPU_ARG_SCALAR:
      return scalar(a.dtype, a.data);
    case NPU_ARG_INTS:
      return list(ints, a.count, [](int64_t v) { return std::to_string(v); });
    case NPU_ARG_BOOLS:
      return list(reinterpret_cast<const bool*>(a.data), a.count,
                  [](bool v) { return std::string(v ? "True" : "False"); });
    case NPU_ARG_FLOATS:
      return list(reinterpret_cast<const float*>(a.data), a.count, [](float v) { return number(v); });
    case NPU_ARG_STRING:
      return "'" + std::string(reinterpret_cast<const char*>(a.data), a.count) + "'";
    case NPU_ARG_WORD:
      return std::to_string(ints[0]);
    case NPU_ARG_TENSORS:
    case NPU_ARG_SCALARS: {
      std::string text = "[";
      const uint64_t* p = a.data;
      for (uint32_t i = 0; i < a.count && i < kShown; ++i) {
        const ArgView element = read_arg(p);
        text += (i ? ", " : "") + show(element);
        p = element.next();
      }
      return text + (a.count > kShown ? ", ...]" : "]");
    }
  }
  return "?";
}

}  // namespace

std::string describe_call(const void* record) {
  const CallView call(record);
  std::string text = call.header->op->descriptor->name;
  text += "(";
  const uint64_t* p = call.key();
  for (uint32_t i = 0; i < call.header->arg_count; ++i) {
    const ArgView a = read_arg(p);
    text += (i ? ", " : "") + show(a);
    p = a.next();
  }
  return text + ")";
}

}  // namespace npu
