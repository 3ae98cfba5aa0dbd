// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/env.h"

#include <c10/util/Exception.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace npu {
namespace {

std::string_view text(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

size_t number(const char* name, size_t otherwise) {
  std::string_view value = text(name);
  if (value.empty()) return otherwise;
  size_t n = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
  TORCH_CHECK_VALUE(error == std::errc() && end == value.data() + value.size(), name, "=", value,
                    " is not a number: set a non-negative integer or unset it");
  return n;
}

Env read() {
  Env e;
  e.task_queue = number("TASK_QUEUE_ENABLE", 2) != 0;
  e.launch_blocking = number("ASCEND_LAUNCH_BLOCKING", 0) != 0;
  const size_t cache = number("NPU_EXECUTOR_CACHE", 1);
  e.executor_cache = cache == 1 ? Env{}.executor_cache : cache;
  const std::string_view fallback = text("NPU_FALLBACK");
  TORCH_CHECK_VALUE(fallback.empty() || fallback == "warn" || fallback == "error", "NPU_FALLBACK=", fallback,
                    " is not known: set error or warn, or unset it");
  e.fallback_is_error = fallback == "error";
  e.preloaded = !text("LD_PRELOAD").empty();
  e.custom_opp_path = text("ASCEND_CUSTOM_OPP_PATH");
  e.opp_path = text("ASCEND_OPP_PATH");
  return e;
}

}  // namespace

const Env& env() {
  static const Env e = read();
  return e;
}

}  // namespace npu
