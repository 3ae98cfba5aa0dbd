// SPDX-License-Identifier: BSD-3-Clause
// The random numbers of a graph. Captured operators read seed and offset from device memory; before each
// replay the generators' are written there, and the generators move on by what the graph draws. So every
// replay draws new numbers, those that the same operators would draw outside of a graph.
#pragma once

#include <ATen/core/Tensor.h>

#include <deque>
#include <memory>
#include <mutex>

#include "npu/core/NPUGeneratorImpl.h"
#include "npu/core/abi.h"

namespace npu {

class GraphRandom {
 public:
  // Takes `count` numbers of the graph's for one captured operator. From any thread.
  npu_philox draw(NPUGeneratorImpl& generator, uint64_t count);
  // Enqueues the writing of seeds and offsets on the current stream of the graph's device.
  void refill();

 private:
  struct Source {
    at::Generator generator;
    at::Tensor seed, offset;  // one number each, side by side
    uint64_t drawn = 0;
  };
  Source& source_of(NPUGeneratorImpl& generator);

  std::mutex mutex_;
  std::deque<Source> sources_;  // a generator that the graph draws from
};

// The random numbers of the graph that is being captured; null if none is. Shared: another thread may draw
// from them while the capture ends.
std::shared_ptr<GraphRandom> captured_random();
void set_captured_random(std::shared_ptr<GraphRandom> random);

// The draw slot of the C table: from the graph if the current stream is captured, else from the generator.
// Locks the generator.
npu_philox draw_random(NPUGeneratorImpl& generator, uint64_t count);

}  // namespace npu
