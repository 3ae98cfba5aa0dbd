// SPDX-License-Identifier: BSD-3-Clause
// Reading a call, and the executor's memory.
#include "npu_sim/nnop/call.h"

#include <new>

#include "slots.h"

namespace npu_sim::nnop {

int64_t FlatTensor::extent_bytes() const {
  if (storage_ndim) {
    int64_t n = 1;
    for (int64_t d : storage()) n *= d;
    return (n * static_cast<int64_t>(dtype_bits(dtype)) + 7) / 8;
  }
  int64_t last = 0;
  auto d = sizes(), s = strides();
  for (uint32_t i = 0; i < ndim; ++i) {
    if (d[i] == 0) return 0;
    last += (d[i] - 1) * s[i];
  }
  return ((last + 1) * static_cast<int64_t>(dtype_bits(dtype)) + 7) / 8;
}

std::string describe(std::span<const int64_t> dims) {
  std::string s = "[";
  for (size_t i = 0; i < dims.size(); ++i) s += (i ? ", " : "") + std::to_string(dims[i]);
  return s + "]";
}

std::string describe(const FlatTensor& t) { return dtype_name(t.dtype) + describe(t.sizes()); }

}  // namespace npu_sim::nnop

using npu_sim::nnop::FlatTensor;
using npu_sim::nnop::Kind;
using npu_sim::nnop::Param;

aclOpExecutor* aclOpExecutor::clone() const {
  auto* copy = new (npu_sim::nnop::take_block(bytes_)) aclOpExecutor(*op_, bytes_);
  copy->workspace_ = workspace_;
  copy->slots_ = slots_;
  std::memcpy(static_cast<void*>(copy + 1), static_cast<const void*>(this + 1),
              bytes_ - sizeof(aclOpExecutor));
  return copy;
}

void aclOpExecutor::destroy(aclOpExecutor* e) {
  const size_t bytes = e->bytes_;
  e->magic.store(0, std::memory_order_relaxed);
  e->~aclOpExecutor();
  npu_sim::nnop::give_block(e, bytes);
}

bool aclOpExecutor::rebind(void* const* addrs, size_t n) {
  size_t next = 0;
  auto bind = [&](const FlatTensor* t) {
    if (t && next++ < n) const_cast<FlatTensor*>(t)->data = addrs[next - 1];
  };
  for (uint32_t i = 0; i < op_->count; ++i) {
    if (op_->params[i].kind == Kind::tensor && !op_->is_again(i)) bind(tensor(i));
    if (op_->params[i].kind == Kind::tensors)
      for (uint32_t j = 0; j < list_size(i); ++j) bind(list_tensor(i, j));
  }
  return next == n;
}

FlatTensor* aclOpExecutor::nth_tensor(size_t index, bool inputs, bool outputs) const {
  for (uint32_t i = 0; i < op_->count; ++i) {
    const Param& p = op_->params[i];
    if (op_->is_again(i) || !((inputs && p.is_input()) || (outputs && p.is_output()))) continue;
    if (p.kind == Kind::tensor) {
      if (index-- == 0) return const_cast<FlatTensor*>(tensor(i));
    } else if (p.kind == Kind::tensors) {
      if (index < list_size(i)) return const_cast<FlatTensor*>(list_tensor(i, static_cast<uint32_t>(index)));
      index -= list_size(i);
    }
  }
  return nullptr;
}

FlatTensor* aclOpExecutor::list_element(size_t ir_index, size_t relative, bool inputs, bool outputs) const {
  for (uint32_t i = 0; i < op_->count; ++i) {
    const Param& p = op_->params[i];
    if (op_->is_again(i) || !((inputs && p.is_input()) || (outputs && p.is_output()))) continue;
    if (p.kind != Kind::tensor && p.kind != Kind::tensors) continue;
    if (ir_index-- != 0) continue;
    if (p.kind == Kind::tensors && relative < list_size(i))
      return const_cast<FlatTensor*>(list_tensor(i, static_cast<uint32_t>(relative)));
    return nullptr;
  }
  return nullptr;
}
