#include "npu_sim/host_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <iterator>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "npu_sim/memory.h"

namespace npu_sim {
namespace {

struct Range {
  size_t size;
  size_t mapped;  // bytes of our own mapping; 0 for the user's memory
};

struct Ranges {
  mutable std::shared_mutex mutex;
  std::map<uintptr_t, Range> by_begin;

  // The range that begins at or before `at`, if any.
  auto before(uintptr_t at) const {
    auto it = by_begin.upper_bound(at);
    return it == by_begin.begin() ? by_begin.end() : std::prev(it);
  }
};

Ranges& ranges() {
  static auto* r = new Ranges;
  return *r;
}

bool forget(void* p, bool ours, Range* range) {
  Ranges& r = ranges();
  std::unique_lock lock(r.mutex);
  auto it = r.by_begin.find(reinterpret_cast<uintptr_t>(p));
  if (it == r.by_begin.end() || (it->second.mapped != 0) != ours) return false;
  *range = it->second;
  r.by_begin.erase(it);
  return true;
}

}  // namespace

void* allocate_host(size_t size) {
  size_t mapped = (size + 4095) / 4096 * 4096;
  if (mapped < size) return nullptr;
  void* p = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  Ranges& r = ranges();
  std::unique_lock lock(r.mutex);
  r.by_begin[reinterpret_cast<uintptr_t>(p)] = {size, mapped};
  return p;
}

bool free_host(void* p) {
  Range range{};
  return forget(p, true, &range) && munmap(p, range.mapped) == 0;
}

bool register_host(void* p, size_t size) {
  uintptr_t begin = reinterpret_cast<uintptr_t>(p);
  Ranges& r = ranges();
  std::unique_lock lock(r.mutex);
  auto next = r.by_begin.lower_bound(begin);
  if (next != r.by_begin.end() && next->first < begin + size) return false;
  if (auto it = r.before(begin); it != r.by_begin.end() && begin - it->first < it->second.size) return false;
  r.by_begin[begin] = {size, 0};
  return true;
}

bool unregister_host(void* p) {
  Range range{};
  return forget(p, false, &range);
}

bool is_pinned(const void* p, size_t nbytes) {
  uintptr_t at = reinterpret_cast<uintptr_t>(p);
  const Ranges& r = ranges();
  std::shared_lock lock(r.mutex);
  auto it = r.before(at);
  return it != r.by_begin.end() && at - it->first < it->second.size &&
         nbytes <= it->second.size - (at - it->first);
}

}  // namespace npu_sim
