// SPDX-License-Identifier: BSD-3-Clause
// A profiling session: what calls, streams and the client's own reports did, as JSON lines in a folder of its
// own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace npu_sim::prof {

struct Config {
  std::vector<uint32_t> devices;
  uint64_t switches;
};

// Each answers an aclError with its message set.
int open_session(const std::string& folder);
int start_session(const Config& config);
int stop_session();
int close_session();
bool session_opened();

}  // namespace npu_sim::prof
