#include "slots.h"

#include <sched.h>
#include <sys/mman.h>

#include <array>
#include <bit>
#include <new>

namespace npu_sim::nnop {
namespace {

constexpr size_t kSmallest = 256;
constexpr size_t kClasses = 16;  // up to 8 MiB: the arguments of some ten thousand tensors

template <size_t... kIndex>
constexpr auto classes(std::index_sequence<kIndex...>) {
  return std::array<Slots, sizeof...(kIndex)>{Slots(kSmallest << kIndex)...};
}

constinit std::array<Slots, kClasses> g_classes = classes(std::make_index_sequence<kClasses>{});

size_t class_of(size_t bytes) { return bytes <= kSmallest ? 0 : std::bit_width((bytes - 1) / kSmallest); }

void*& next_of(void* slot) { return static_cast<void**>(slot)[1]; }

}  // namespace

// Held for a few instructions by two threads at most: the one that launches and the stream that is done.
void Slots::lock() noexcept {
  for (int tries = 0; busy_.test_and_set(std::memory_order_acquire); ++tries)
    if (tries > 100) sched_yield();
}

void* Slots::take() {
  lock();
  if (void* slot = free_) {
    free_ = next_of(slot);
    unlock();
    return slot;
  }
  uintptr_t base = base_.load(std::memory_order_relaxed);
  if (!base) {
    void* range =
        mmap(nullptr, kRange, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range != MAP_FAILED)
      base_.store(base = reinterpret_cast<uintptr_t>(range), std::memory_order_relaxed);
  }
  const bool room = base && used_ + bytes_ <= kRange;
  void* slot = room ? reinterpret_cast<void*>(base + used_) : nullptr;
  if (room) used_ += bytes_;
  unlock();
  if (!slot) throw std::bad_alloc();
  return slot;
}

void Slots::give(void* slot) noexcept {
  lock();
  next_of(slot) = free_;
  free_ = slot;
  unlock();
}

void* take_block(size_t bytes) {
  const size_t c = class_of(bytes);
  if (c >= kClasses) throw std::bad_alloc();
  return g_classes[c].take();
}

void give_block(void* block, size_t bytes) noexcept { g_classes[class_of(bytes)].give(block); }

bool is_block(const void* p) {
  for (const Slots& c : g_classes)
    if (c.holds(p)) return true;
  return false;
}

}  // namespace npu_sim::nnop
