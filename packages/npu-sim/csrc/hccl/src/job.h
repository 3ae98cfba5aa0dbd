// SPDX-License-Identifier: BSD-3-Clause
// One operation of a communicator on its way through a stream.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "communicator.h"

namespace npu_sim::hccl {

// Device memory that the operation reads or writes.
struct Operand {
  const char* name;
  const void* address;
  uint64_t bytes;
};

// Checks the communicator, the stream and the operands, and enqueues `run` on the stream, in its turn of
// every line. `call` has static storage. Does not wait.
HcclResult enqueue_job(const std::shared_ptr<Communicator>& comm, const char* call, aclrtStream stream,
                       const std::vector<Line*>& lines, std::vector<Operand> operands,
                       std::function<HcclResult()> run);

}  // namespace npu_sim::hccl
