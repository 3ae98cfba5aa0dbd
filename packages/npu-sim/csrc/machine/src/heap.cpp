#include "npu_sim/heap.h"

#include <iterator>

namespace npu_sim {

Heap::Heap(uint64_t size) : size_(size) {
  if (size) add_free(0, size);
}

void Heap::add_free(uint64_t offset, uint64_t size) {
  free_.emplace(offset, size);
  by_size_.emplace(size, offset);
}

void Heap::remove_free(std::map<uint64_t, uint64_t>::iterator it) {
  by_size_.erase({it->second, it->first});
  free_.erase(it);
}

std::optional<uint64_t> Heap::allocate(uint64_t size, uint64_t alignment) {
  if (size == 0 || size > size_) return std::nullopt;
  for (auto fit = by_size_.lower_bound({size, 0}); fit != by_size_.end(); ++fit) {
    auto [free_size, begin] = *fit;
    uint64_t offset = (begin + alignment - 1) & ~(alignment - 1);
    if (offset - begin > free_size - size) continue;
    remove_free(free_.find(begin));
    if (offset > begin) add_free(begin, offset - begin);
    if (uint64_t end = begin + free_size; offset + size < end) add_free(offset + size, end - offset - size);
    live_.emplace(offset, size);
    used_ += size;
    return offset;
  }
  return std::nullopt;
}

std::optional<uint64_t> Heap::release(uint64_t offset, Block* merged) {
  auto it = live_.find(offset);
  if (it == live_.end()) return std::nullopt;
  uint64_t size = it->second;
  live_.erase(it);
  used_ -= size;
  Block whole{offset, size};
  if (auto next = free_.find(offset + size); next != free_.end()) {
    whole.size += next->second;
    remove_free(next);
  }
  if (auto next = free_.lower_bound(offset); next != free_.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second == offset) {
      whole = {before->first, before->second + whole.size};
      remove_free(before);
    }
  }
  add_free(whole.offset, whole.size);
  *merged = whole;
  return size;
}

std::optional<Heap::Block> Heap::find(uint64_t offset) const {
  auto it = live_.upper_bound(offset);
  if (it == live_.begin()) return std::nullopt;
  --it;
  if (offset - it->first >= it->second) return std::nullopt;
  return Block{it->first, it->second};
}

}  // namespace npu_sim
