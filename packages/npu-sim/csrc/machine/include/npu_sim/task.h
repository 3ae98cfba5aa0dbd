// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace npu_sim {

// A move-only `int()` that keeps up to 48 bytes of captures in place: enqueueing a kernel allocates nothing.
// Answers an aclError.
class Task {
 public:
  template <class F, std::enable_if_t<!std::is_same_v<std::decay_t<F>, Task>, int> = 0>
  Task(F&& f) {  // implicit: a lambda is a task
    using T = std::decay_t<F>;
    if constexpr (fits<T>) {
      new (storage_) T(std::forward<F>(f));
      ops_ = &kInline<T>;
    } else {
      new (storage_) T*(new T(std::forward<F>(f)));
      ops_ = &kHeap<T>;
    }
  }
  Task(Task&& other) noexcept : ops_(std::exchange(other.ops_, nullptr)) {
    if (ops_) ops_->move(storage_, other.storage_);
  }
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      this->~Task();
      new (this) Task(std::move(other));
    }
    return *this;
  }
  Task(const Task&) = delete;  // captures own resources; running one twice is a bug
  ~Task() {
    if (ops_) ops_->destroy(storage_);
  }

  int operator()() { return ops_->run(storage_); }

 private:
  static constexpr size_t kSize = 48;
  struct Ops {
    int (*run)(void*);
    void (*move)(void* to, void* from);
    void (*destroy)(void*);
  };
  template <class T>
  static constexpr bool fits =
      sizeof(T) <= kSize &&
      alignof(T) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<T>;
  template <class T>
  static T* in_place(void* p) {
    return std::launder(static_cast<T*>(p));
  }
  template <class T>
  static constexpr Ops kInline{[](void* p) -> int { return (*in_place<T>(p))(); },
                               [](void* to, void* from) {
                                 new (to) T(std::move(*in_place<T>(from)));
                                 in_place<T>(from)->~T();
                               },
                               [](void* p) { in_place<T>(p)->~T(); }};
  template <class T>
  static constexpr Ops kHeap{[](void* p) -> int { return (**in_place<T*>(p))(); },
                             [](void* to, void* from) { new (to) T*(*in_place<T*>(from)); },
                             [](void* p) { delete *in_place<T*>(p); }};

  alignas(std::max_align_t) unsigned char storage_[kSize];
  const Ops* ops_;
};

}  // namespace npu_sim
