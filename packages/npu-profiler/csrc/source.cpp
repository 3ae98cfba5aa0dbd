// SPDX-License-Identifier: BSD-3-Clause
#include "source.h"

#include <c10/util/Exception.h>

#include <cstdlib>
#include <mutex>

namespace npu::profiler {
namespace {

std::once_flag g_said;

}  // namespace

Source source() {
  const char* value = std::getenv("NPU_PROFILER_SOURCE");
  const std::string text = value ? value : "auto";
  if (text == "mspti") return Source::mspti;
  if (text == "events") return Source::events;
  TORCH_CHECK_VALUE(text == "auto" || text.empty(),
                    "NPU_PROFILER_SOURCE must be auto, mspti or events, found '", text, "'");
  return Source::automatic;
}

void set_notice(std::string reason) {
  std::call_once(g_said, [&] {
    TORCH_WARN("npu-profiler: kernels are timed by events around each operator, not one by one, because ",
               reason, ". NPU_PROFILER_SOURCE=events takes events without this warning.");
  });
}

}  // namespace npu::profiler
