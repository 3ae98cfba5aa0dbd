// SPDX-License-Identifier: BSD-3-Clause
// Who last touched which bytes of device memory.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace npu_sim {

// One access, in its actor's time.
struct Touch {
  int actor = -1;  // -1: none
  uint64_t time = 0;
  const char* op = "";
  const char* operand = "";
};

struct Cell {
  uintptr_t end = 0;
  bool written = false;  // since its allocation
  Touch write;
  std::vector<Touch> reads;  // the last of each actor since the write
};

// Cells do not overlap; only memory of live allocations has any.
class AccessMap {
 public:
  void allocate(uintptr_t begin, uintptr_t end, const Touch& by) {
    erase(begin, end);
    cells_[begin] = {end, false, by, {}};
  }
  void erase(uintptr_t begin, uintptr_t end) {
    auto [first, last] = cut(begin, end);
    cells_.erase(first, last);
  }
  // Calls `visit(begin, cell)` for every cell of the range, which it may change.
  template <class Visit>
  void visit(uintptr_t begin, uintptr_t end, Visit visit) {
    auto [first, last] = cut(begin, end);
    for (auto it = first; it != last; ++it) visit(it->first, it->second);
  }
  // One cell instead of the range's: a write makes what was before irrelevant.
  void overwrite(uintptr_t begin, uintptr_t end, const Touch& by) {
    auto [first, last] = cut(begin, end);
    if (first == last) return;  // no allocation that is known of
    cells_.erase(first, last);
    cells_[begin] = {end, true, by, {}};
  }

 private:
  using Map = std::map<uintptr_t, Cell>;

  void split(uintptr_t at) {
    auto it = cells_.upper_bound(at);
    if (it == cells_.begin()) return;
    --it;
    if (it->first == at || it->second.end <= at) return;
    Cell right = it->second;
    it->second.end = at;
    cells_.emplace(at, std::move(right));
  }
  std::pair<Map::iterator, Map::iterator> cut(uintptr_t begin, uintptr_t end) {
    split(begin);
    split(end);
    return {cells_.lower_bound(begin), cells_.lower_bound(end)};
  }

  Map cells_;
};

}  // namespace npu_sim
