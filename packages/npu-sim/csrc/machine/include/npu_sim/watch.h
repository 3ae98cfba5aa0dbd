// SPDX-License-Identifier: BSD-3-Clause
// What looks at tasks beside running them: the checker, the fault injector and the model of device times.
// While none of them is on, a task and a call pay a load and a branch.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "npu_sim/api.h"

namespace npu_sim {

class Stream;

enum Watch : uint32_t { kWatchFaults = 1, kWatchCheck = 2, kWatchTiming = 4 };
// Which of them are on. NPU_SIM_CHECK, NPU_SIM_FAULTS and NPU_SIM_TIMING set it before the first use.
NPU_SIM_API extern std::atomic<uint32_t> watched;
inline uint32_t watching() { return watched.load(std::memory_order_relaxed); }

// A vector clock: how much of each actor's past is known. Actor 0 is the host, all of whose threads count as
// one; actor n + 1 is the stream with number n.
using VectorClock = std::vector<uint64_t>;

// What the one who enqueued a task knew.
struct Stamp {
  std::shared_ptr<const VectorClock> known;
  int64_t enqueued_ns = 0;  // of the steady clock
};

// What a point in a stream passes on to whoever waits for it.
struct PointFacts {
  std::shared_ptr<const VectorClock> known;
};

// Bytes of device memory that a task or a call of the host touches. Call them where it happens.
enum class Access { read, write, both };
NPU_SIM_API void note_access(const char* op, const char* operand, const void* p, uint64_t bytes,
                             Access access);
// A strided view: rows of `row_bytes` at every combination of `counts` and `steps` (bytes). Views of very
// many rows are not looked at.
struct Rows {
  const void* base;
  uint64_t row_bytes;
  std::vector<int64_t> counts, steps;
};
NPU_SIM_API void note_rows(const char* op, const char* operand, const Rows& rows, Access access);
// An allocation begins or ends.
NPU_SIM_API void note_allocated(const void* p, uint64_t bytes);
NPU_SIM_API void note_freed(const char* call, const void* p, uint64_t bytes);

// What the running kernel costs, for the model.
struct KernelCost {
  double matrix_flops = 0, vector_flops = 0, bytes = 0;
};
NPU_SIM_API void note_cost(const KernelCost& cost);

NPU_SIM_API bool inject_allocation_fault();
// Whether an allocation that begins now is to fail, by a rule of NPU_SIM_FAULTS.
inline bool allocation_fails() { return (watching() & kWatchFaults) && inject_allocation_fault(); }

}  // namespace npu_sim
