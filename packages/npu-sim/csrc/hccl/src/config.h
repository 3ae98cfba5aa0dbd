// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <string>

#include "result.h"

namespace npu_sim::hccl {

// What a communicator is made with, from the environment and an HcclCommConfig.
struct Options {
  std::string name;  // empty: one is made up
  std::chrono::milliseconds exec_timeout;
  std::chrono::milliseconds connect_timeout;
  uint64_t buffer_bytes;  // of device memory: what is sent and what is received, a half each
};

// `config` may be null.
HcclResult read_options(const char* call, const HcclCommConfig* config, Options* options);

}  // namespace npu_sim::hccl
