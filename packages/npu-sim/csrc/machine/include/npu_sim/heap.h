// SPDX-License-Identifier: BSD-3-Clause
// Which parts of a range are allocated: bookkeeping only, it touches no memory. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "npu_sim/api.h"

namespace npu_sim {

class NPU_SIM_API Heap {
 public:
  struct Block {
    uint64_t offset;
    uint64_t size;
  };

  explicit Heap(uint64_t size);

  // Best fit. Null if no free range holds `size` bytes at a multiple of `alignment`, a power of two.
  std::optional<uint64_t> allocate(uint64_t size, uint64_t alignment);

  // Frees the block that starts at `offset`: its size, or null if no block starts there. `merged` becomes the
  // free range that it is now a part of.
  std::optional<uint64_t> release(uint64_t offset, Block* merged);

  // The allocated block that holds `offset`.
  std::optional<Block> find(uint64_t offset) const;

  uint64_t used() const { return used_; }
  uint64_t size() const { return size_; }

 private:
  void add_free(uint64_t offset, uint64_t size);
  void remove_free(std::map<uint64_t, uint64_t>::iterator it);

  uint64_t size_;
  uint64_t used_ = 0;
  std::map<uint64_t, uint64_t> live_;                // offset -> size
  std::map<uint64_t, uint64_t> free_;                // offset -> size, no two adjacent
  std::set<std::pair<uint64_t, uint64_t>> by_size_;  // (size, offset) of each free range
};

}  // namespace npu_sim
