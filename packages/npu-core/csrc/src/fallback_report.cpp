// SPDX-License-Identifier: BSD-3-Clause
#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "npu/core/env.h"
#include "npu/core/fallback.h"

namespace npu {

namespace {

struct Report {
  std::mutex mutex;
  std::map<std::pair<std::string, std::string>, FallbackCount> counts;
};

Report& report() {
  static auto* r = new Report;
  return *r;
}

}  // namespace

void note_fallback(const std::string& op, const std::string& reason, uint64_t bytes, uint64_t nanoseconds) {
  TORCH_CHECK_NOT_IMPLEMENTED(!env().fallback_is_error, op,
                              " runs on the CPU, which NPU_FALLBACK=error forbids: ", reason,
                              ". Unset NPU_FALLBACK, or avoid the operator.");
  std::lock_guard lock(report().mutex);
  FallbackCount& count = report().counts[{op, reason}];
  count.op = op;
  count.reason = reason;
  ++count.calls;
  count.bytes += bytes;
  count.nanoseconds += nanoseconds;
}

std::vector<FallbackCount> fallback_report() {
  std::vector<FallbackCount> rows;
  {
    std::lock_guard lock(report().mutex);
    for (const auto& [key, count] : report().counts) rows.push_back(count);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.calls > b.calls; });
  return rows;
}

void reset_fallback_report() {
  std::lock_guard lock(report().mutex);
  report().counts.clear();
}

}  // namespace npu
