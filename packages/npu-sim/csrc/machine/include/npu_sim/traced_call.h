// SPDX-License-Identifier: BSD-3-Clause
// One call of a C function in the trace: its name, its arguments in order, its answer. The exported functions
// that codegen/traced_calls.py writes fill it in after the call, when outputs have their values.
//
//   TracedCall("aclrtMalloc", answer).add("devPtr", devPtr).add("size", size);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "npu/cann/acl_types.h"
#include "npu_sim/api.h"
#include "npu_sim/json.h"
#include "npu_sim/trace.h"

namespace npu_sim {

class NPU_SIM_API TracedCall {
 public:
  explicit TracedCall(const char* name) : name_(name) {}
  // A code of 0 is success, and so is a pointer that is not null.
  template <class Answer>
  TracedCall(const char* name, Answer answer) : name_(name) {
    constexpr bool kCode = std::is_enum_v<Answer> || std::is_same_v<Answer, int32_t>;
    if constexpr (kCode)
      succeeded_ = answer == Answer{};
    else if constexpr (std::is_pointer_v<Answer>)
      succeeded_ = answer != nullptr;
    answer_ = value(answer);
  }
  // Writes the line.
  ~TracedCall();
  TracedCall(const TracedCall&) = delete;  // its end is the call's

  template <class T>
  TracedCall& add(const char* name, const T& argument) {
    arguments_.raw(name, value(argument));
    return *this;
  }
  TracedCall& text(const char* name, const char* characters, uint64_t length);
  template <class T, class Count>
  TracedCall& array(const char* name, const T* first, Count count) {
    if (!first || !succeeded_ || count < 0) return add(name, static_cast<const void*>(first));
    std::string list = "[";
    for (Count i = 0; i < count && i < kLongest; ++i) list.append(i ? "," : "").append(value(first[i]));
    arguments_.raw(name, list.append(count > kLongest ? ",\"...\"]" : "]"));
    return *this;
  }
  // Which way the bytes go, whatever `kind` leaves to the addresses.
  TracedCall& copy(aclrtMemcpyKind kind, const void* dst, const void* src);
  TracedCall& copies(void* const* dsts, void* const* srcs, size_t count);

 private:
  static constexpr int kLongest = 64;
  static std::string address(const void* p);
  static std::string quoted(const char* characters, uint64_t length);

  template <class T>
  std::string value(const T& v) const {
    if constexpr (std::is_same_v<T, bool>) {
      return v ? "true" : "false";
    } else if constexpr (std::is_enum_v<T>) {
      return std::to_string(static_cast<int64_t>(v));
    } else if constexpr (std::is_floating_point_v<T>) {
      return number(static_cast<double>(v));
    } else if constexpr (std::is_arithmetic_v<T>) {
      return std::to_string(v);
    } else if constexpr (std::is_same_v<T, const char*>) {
      return quoted(v, kLongestText);
    } else if constexpr (std::is_pointer_v<T>) {
      return pointed(v);
    } else {
      return json_text(std::to_string(sizeof(T)).append(" bytes"));  // a struct by value
    }
  }
  // A pointer to something that a call may write has that as its value, when the call went well.
  template <class T>
  std::string pointed(T* p) const {
    if constexpr (std::is_function_v<T>) {
      return address(reinterpret_cast<const void*>(p));
    } else {
      constexpr bool kWritten = !std::is_const_v<T> && (std::is_pointer_v<T> || std::is_enum_v<T> ||
                                                        (std::is_arithmetic_v<T> && !kByte<T>));
      if constexpr (kWritten)
        if (p && succeeded_) {
          if constexpr (std::is_pointer_v<T>)
            return address(reinterpret_cast<const void*>(*p));
          else
            return value(*p);
        }
      return address(p);
    }
  }
  static std::string number(double v);
  template <class T>
  static constexpr bool kByte =  // of a buffer
      std::is_same_v<T, char> || std::is_same_v<T, uint8_t> || std::is_same_v<T, int8_t>;
  static constexpr uint64_t kLongestText = 1024;

  const char* name_;
  bool succeeded_ = true;
  std::string answer_ = "null";
  std::string direction_;
  Json arguments_;
};

}  // namespace npu_sim
