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

void complain(Env& e, const char* name, std::string_view value, const char* need) {
  if (e.error.empty()) e.error.append(name).append("=").append(value).append(" is not known: ").append(need);
}

size_t number(Env& e, const char* name, size_t otherwise) {
  std::string_view value = text(name);
  if (value.empty()) return otherwise;
  size_t n = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
  if (error == std::errc() && end == value.data() + value.size()) return n;
  complain(e, name, value, "set a non-negative integer, or unset it");
  return otherwise;
}

Env read() {
  Env e;
  const size_t task_queue = number(e, "TASK_QUEUE_ENABLE", 2);
  if (task_queue > 2)
    complain(e, "TASK_QUEUE_ENABLE", text("TASK_QUEUE_ENABLE"), "set 0, 1 or 2, or unset it");
  e.task_queue = task_queue != 0;
  e.launch_blocking = number(e, "ASCEND_LAUNCH_BLOCKING", 0) != 0;
  const size_t cache = number(e, "NPU_EXECUTOR_CACHE", 1);
  e.executor_cache = cache == 1 ? Env{}.executor_cache : cache;
  e.alloc_conf = text("PYTORCH_NPU_ALLOC_CONF");
  e.generic_alloc_conf = text("PYTORCH_ALLOC_CONF");
  const std::string_view fallback = text("NPU_FALLBACK");
  if (!fallback.empty() && fallback != "warn" && fallback != "error")
    complain(e, "NPU_FALLBACK", fallback, "set error or warn, or unset it");
  e.fallback_is_error = fallback == "error";
  e.preloaded = !text("LD_PRELOAD").empty();
  e.custom_opp_path = text("ASCEND_CUSTOM_OPP_PATH");
  e.opp_path = text("ASCEND_OPP_PATH");
  return e;
}

}  // namespace

const Env& env() noexcept {
  static const Env e = read();
  return e;
}

const char* visible_devices() noexcept { return std::getenv("ASCEND_RT_VISIBLE_DEVICES"); }

void check_env() { TORCH_CHECK_VALUE(env().error.empty(), env().error); }

}  // namespace npu
