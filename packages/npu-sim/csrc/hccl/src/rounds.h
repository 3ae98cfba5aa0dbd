// SPDX-License-Identifier: BSD-3-Clause
// Collectives in rounds: every rank copies a piece into its buffer, waits for all, and takes what it needs
// from the others' buffers. Buffers alternate, so one wait a round is enough: whoever writes a buffer again
// has passed the next round's wait, which every rank enters only after it took from this one.
#pragma once

#include <functional>

#include "communicator.h"

namespace npu_sim::hccl {

struct Rounds {
  uint64_t count = 1;
  // Fills this rank's buffer for round `i`, and takes what it needs from the ranks' buffers.
  std::function<void(uint64_t i, char* own)> fill;
  std::function<void(uint64_t i, const std::function<const char*(uint32_t rank)>& buffer)> take;
};

// Runs on the stream's worker, in its turn. `call.number` is set here.
HcclResult run_rounds(Communicator& comm, const char* name, Call call, const Rounds& rounds);

}  // namespace npu_sim::hccl
