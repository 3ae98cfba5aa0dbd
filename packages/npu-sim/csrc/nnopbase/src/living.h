// SPDX-License-Identifier: BSD-3-Clause
// Making, dropping and recognising the ABI's objects, whatever a client gives as a handle.
#pragma once

#include <new>

#include "npu_sim/nnop/call.h"
#include "npu_sim/nnop/objects.h"
#include "slots.h"

namespace npu_sim::nnop {

template <class T>
inline constinit Slots slots_of{(sizeof(T) + 15) / 16 * 16};

template <class T>
T* make() {
  return new (slots_of<T>.take()) T;
}

template <class T>
void drop(const T* object) {
  object->~T();
  slots_of<T>.give(const_cast<T*>(object));
}

// Whether `p` is an object of its type that was not dropped; it may be any address.
template <class T>
bool living(const T* p) {
  return slots_of<T>.holds(p) && alive(p);
}
inline bool living(const aclOpExecutor* e) { return is_block(e) && e->alive(); }

}  // namespace npu_sim::nnop
