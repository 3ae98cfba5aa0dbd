// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/error.h"

#include <string_view>

namespace npu {
namespace {

// "aclrtMalloc" of "cann().aclrtMalloc(&p, n, policy)".
std::string_view called(std::string_view call) {
  if (auto at = call.find("acl"); at != std::string_view::npos) call.remove_prefix(at);
  return call.substr(0, call.find('('));
}

// CANN hands out a pointer into this thread's message and then forgets it.
std::string_view recent_message() {
  if (!cann_usable()) return {};
  const char* text = cann().aclGetRecentErrMsg();
  std::string_view message = text ? text : "";
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.remove_suffix(1);
  return message;
}

}  // namespace

const char* error_name(int code) noexcept {
  // Not a switch: CANN gives some codes two names, and the first one listed is the one to print.
  struct Name {
    int code;
    const char* name;
  };
  static constexpr Name names[] = {
#define NPU_X(name, value) {value, #name},
      NPU_CANN_ERRORS(NPU_X)
#undef NPU_X
  };
  for (const Name& n : names)
    if (n.code == code) return n.name;
  return "unknown error";
}

std::string error_message(const char* call, int code) {
  std::string text(called(call));
  text.append(" failed: ").append(error_name(code)).append(" (").append(std::to_string(code)).append(")");
  if (std::string_view detail = recent_message(); !detail.empty()) text.append(": ").append(detail);
  return text;
}

bool is_out_of_memory(int code) noexcept {
  return code == ACL_ERROR_RT_MEMORY_ALLOCATION || code == ACL_ERROR_RT_DEVICE_OOM ||
         code == ACL_ERROR_GE_MEMORY_ALLOCATION || code == ACL_ERROR_BAD_ALLOC;
}

void raise_cann(const char* call, int code, c10::SourceLocation where) {
  throw c10::AcceleratorError(where, code, error_message(call, code));
}

void warn_cann(const char* call, int code) noexcept {
  try {
    TORCH_WARN(error_message(call, code));
  } catch (...) {
    // Warnings may be errors; a destructor has nobody to tell.
  }
}

}  // namespace npu
