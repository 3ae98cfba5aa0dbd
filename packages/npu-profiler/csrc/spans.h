// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace npu::profiler {

// Something that a device did.
struct Span {
  enum class Kind { kernel, copy, fill };
  Kind kind = Kind::kernel;
  uint64_t launch = 0;  // the id of the Launch that it belongs to; 0: unknown
  std::string name;
  int32_t device = 0;
  int64_t stream = 0;                // the native stream's number; -1: none
  int64_t begin_ns = 0, end_ns = 0;  // since the epoch
  uint64_t nbytes = 0;
};

using Spans = std::vector<Span>;

}  // namespace npu::profiler
