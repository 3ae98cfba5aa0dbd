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
  npu_philox draw(const std::shared_ptr<PhiloxState>& sequence, c10::Device device, uint64_t count);
  // Where the graph is in the generator's sequence, as if it had run instead of being captured. Under the
  // generator's mutex.
  uint64_t offset(const NPUGeneratorImpl& generator);
  // ValueError for a place before the graph's first number, which no replay has.
  void set_offset(const NPUGeneratorImpl& generator, uint64_t offset);
  // Enqueues the writing of seeds and offsets on the current stream of the graph's device.
  void refill();

 private:
  struct Source {
    std::shared_ptr<PhiloxState> sequence;
    uint64_t start;           // the sequence's offset when the graph first drew from it
    at::Tensor seed, offset;  // one number each, side by side
    uint64_t drawn = 0;
  };
  Source* find(const PhiloxState* sequence);
  Source& source_of(const std::shared_ptr<PhiloxState>& sequence, c10::Device device);

  std::mutex mutex_;
  std::deque<Source> sources_;  // a sequence that the graph draws from
};

// The random numbers of the graph that is being captured; null if none is. Shared: another thread may draw
// from them while the capture ends.
std::shared_ptr<GraphRandom> captured_random();
void set_captured_random(std::shared_ptr<GraphRandom> random);

// The draw slot of the C table: from the graph if the current stream is captured, else from the generator.
// Locks the generator.
npu_philox draw_random(NPUGeneratorImpl& generator, uint64_t count);

}  // namespace npu
