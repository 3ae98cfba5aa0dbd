// SPDX-License-Identifier: BSD-3-Clause
// Memory of the ABI's objects: slots of one size in a range of addresses that stays mapped. So a handle that
// was destroyed, or that never was one, can be looked at and refused, whatever it is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace npu_sim::nnop {

class Slots {
 public:
  // `bytes` of a slot: a multiple of 16. A slot's second word is the list's while the slot is free.
  constexpr explicit Slots(size_t bytes) : bytes_(bytes) {}
  Slots(const Slots&) = delete;  // slots belong to one list

  // Throws std::bad_alloc.
  void* take();
  void give(void* slot) noexcept;
  // Whether `p` is the address of a slot, in use or not.
  bool holds(const void* p) const {
    const uintptr_t base = base_.load(std::memory_order_relaxed);
    const uintptr_t distance = reinterpret_cast<uintptr_t>(p) - base;
    return base && distance < kRange && distance % bytes_ == 0;
  }

 private:
  static constexpr size_t kRange = size_t{1} << 32;  // only what was used of it takes memory

  void lock() noexcept;
  void unlock() noexcept { busy_.clear(std::memory_order_release); }

  const size_t bytes_;
  std::atomic<uintptr_t> base_{0};
  std::atomic_flag busy_;
  void* free_ = nullptr;
  size_t used_ = 0;  // bytes of the range that slots were ever taken from
};

// Of blocks whose sizes differ: slots of powers of two.
void* take_block(size_t bytes);
void give_block(void* block, size_t bytes) noexcept;
bool is_block(const void* p);

}  // namespace npu_sim::nnop
