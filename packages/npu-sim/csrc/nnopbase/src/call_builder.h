// SPDX-License-Identifier: BSD-3-Clause
// Copies an operator's arguments into one block: measured first, then written.
#pragma once

#include "npu_sim/nnop/call.h"

namespace npu_sim::nnop {

class CallBuilder {
 public:
  // `words` as prepare() gets them; every handle has been checked and is living, or null where that is
  // allowed.
  CallBuilder(const Operator& op, const uint64_t* words) : op_(op), words_(words) {}

  aclOpExecutor* build();
  static void set_workspace(aclOpExecutor& e, uint64_t bytes) { e.workspace_ = bytes; }

 private:
  uint32_t measure() const;
  uint32_t take(size_t bytes, size_t align = 8);
  uint32_t copy(const void* p, size_t bytes, size_t align = 8);
  uint32_t copy_tensor(const aclTensor* t);
  uint32_t copy_scalars(const aclScalar* const* p, size_t n);
  void write(uint32_t i, Call::Slot& slot);
  void share_shape(uint32_t i, Call::Slot& slot);

  template <class T>
  const T* handle(uint32_t i) const {
    return reinterpret_cast<const T*>(words_[i]);
  }

  const Operator& op_;
  const uint64_t* words_;
  aclOpExecutor* e_ = nullptr;
  uint32_t used_ = 0;
  uint32_t boxes_ = 0;
};

}  // namespace npu_sim::nnop
