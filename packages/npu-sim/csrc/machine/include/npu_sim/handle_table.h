// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace npu_sim {

// Live objects of one kind behind opaque handles. A handle is a number, not an address: a foreign pointer is
// never followed, and the handle of a destroyed object stays invalid while its slot serves others (65,536
// times over).
template <class T>
class HandleTable {
 public:
  // `tag` (1 to 127) tells the handles of one kind from those of another.
  explicit HandleTable(uintptr_t tag) : tag_(tag) {}
  HandleTable(const HandleTable&) = delete;  // handles name slots of one table

  void* insert(std::shared_ptr<T> object) {
    std::unique_lock lock(mutex_);
    uint32_t index = 0;
    if (free_.empty()) {
      index = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    slots_[index].object = std::move(object);
    return encode(index, slots_[index].generation);
  }

  // The object, or null for a handle that names none.
  std::shared_ptr<T> find(const void* handle) const {
    std::shared_lock lock(mutex_);
    const Slot* slot = decode(handle);
    return slot ? slot->object : nullptr;
  }

  // As find, and the handle names nothing from then on.
  std::shared_ptr<T> remove(const void* handle) {
    std::unique_lock lock(mutex_);
    Slot* slot = const_cast<Slot*>(decode(handle));
    if (!slot) return nullptr;
    ++slot->generation;
    free_.push_back(static_cast<uint32_t>(slot - slots_.data()));
    return std::move(slot->object);
  }

 private:
  struct Slot {
    std::shared_ptr<T> object;
    uint16_t generation = 0;
  };

  void* encode(uint32_t index, uint16_t generation) const {
    return std::bit_cast<void*>((tag_ << 40) | (uintptr_t{generation} << 24) | index);
  }
  const Slot* decode(const void* handle) const {
    uintptr_t value = reinterpret_cast<uintptr_t>(handle);
    uintptr_t index = value & 0xffffff;
    if (value >> 40 != tag_ || index >= slots_.size()) return nullptr;
    const Slot& slot = slots_[index];
    return slot.object && slot.generation == ((value >> 24) & 0xffff) ? &slot : nullptr;
  }

  const uintptr_t tag_;
  mutable std::shared_mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace npu_sim
