// SPDX-License-Identifier: BSD-3-Clause
// What a session and the reports of a client have in common: libmsprofiler fills the sink in, libprofapi uses
// it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "npu/cann/profapi.h"

namespace npu_sim::prof {

struct Callback {
  uint32_t module;
  ProfCommandHandle handle;
};

struct Sink {
  // Null while no session runs: reports are dropped then, as CANN drops them.
  std::atomic<void (*)(const char* kind, uint32_t level, uint32_t type, uint32_t thread, uint64_t begin,
                       uint64_t end, uint64_t item)>
      report{nullptr};
  std::mutex mutex;
  std::vector<Callback> callbacks;  // whom a start and a stop are told
};

}  // namespace npu_sim::prof

extern "C" npu_sim::prof::Sink* npu_sim_report_sink();
