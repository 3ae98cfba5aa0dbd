// SPDX-License-Identifier: BSD-3-Clause
// Messages from one rank to another, in parts through a small ring.
#pragma once

#include <vector>

#include "communicator.h"

namespace npu_sim::hccl {

struct Message {
  bool send;
  uint32_t peer;
  char* data;  // where the simulator reads or writes it
  uint64_t count;
  HcclDataType dtype;
  uint64_t bytes;

  uint64_t moved = 0;
  uint64_t last_part = 0;  // a send is over when the receiver has read this part
  bool over = false;
};

// Moves all messages, those of one channel in their order, and returns when they have arrived: a send lasts
// until its message was received, as on the device. Runs on the stream's worker, in its turns.
HcclResult run_messages(Communicator& comm, const char* name, std::vector<Message>& messages);

}  // namespace npu_sim::hccl
