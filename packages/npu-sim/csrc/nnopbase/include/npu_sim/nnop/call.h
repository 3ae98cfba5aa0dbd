// SPDX-License-Identifier: BSD-3-Clause
// One operator call as its executor holds it: the arguments by value, in one block of memory.
//
// The first phase copies descriptors, scalars and arrays into the block that follows the Call, addressed by
// offsets, so that a call costs one allocation, a repeatable executor is cloned by one copy, and nothing
// refers to the caller's handles any more. Kernels and shape rules read it; only the executor functions write
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "npu_sim/api.h"
#include "npu_sim/nnop/objects.h"
#include "npu_sim/nnop/operator.h"

namespace npu_sim::nnop {

// A tensor descriptor inside a call; `dims` and then `strides` follow it, and of a private format the dims of
// its storage.
struct FlatTensor {
  void* data;      // device address of the storage
  int64_t offset;  // elements from `data` to the first element of the view
  aclDataType dtype;
  aclFormat format;
  uint32_t ndim;
  uint32_t storage_ndim;  // 0: the strides say where the elements lie

  std::span<const int64_t> sizes() const { return {reinterpret_cast<const int64_t*>(this + 1), ndim}; }
  std::span<const int64_t> strides() const {
    return {reinterpret_cast<const int64_t*>(this + 1) + ndim, ndim};
  }
  std::span<const int64_t> storage() const {
    return {reinterpret_cast<const int64_t*>(this + 1) + size_t{2} * ndim, storage_ndim};
  }
  int64_t numel() const {
    int64_t n = 1;
    for (int64_t d : sizes()) n *= d;
    return n;
  }
  // First byte of the view relative to `data`, and bytes from there to one past its last element.
  int64_t first_byte() const { return offset * static_cast<int64_t>(dtype_bits(dtype)) / 8; }
  NPU_SIM_API int64_t extent_bytes() const;
};

struct FlatScalar {
  alignas(16) unsigned char value[16];
  aclDataType dtype;
};

class CallBuilder;

class Call {
 public:
  const Operator& op() const { return *op_; }
  bool has(uint32_t i) const { return slot(i).offset != 0; }
  // Null for an absent optional tensor.
  const FlatTensor* tensor(uint32_t i) const { return at<FlatTensor>(slot(i).offset); }
  uint32_t list_size(uint32_t i) const { return slot(i).count; }
  const FlatTensor* list_tensor(uint32_t i, uint32_t j) const {
    return at<FlatTensor>(at<uint32_t>(slot(i).offset)[j]);
  }
  const FlatScalar* scalar(uint32_t i) const { return at<FlatScalar>(slot(i).offset); }
  const FlatScalar* list_scalar(uint32_t i, uint32_t j) const { return at<FlatScalar>(slot(i).offset) + j; }
  std::span<const int64_t> ints(uint32_t i) const { return {at<int64_t>(slot(i).offset), slot(i).count}; }
  std::span<const float> floats(uint32_t i) const { return {at<float>(slot(i).offset), slot(i).count}; }
  std::span<const bool> bools(uint32_t i) const { return {at<bool>(slot(i).offset), slot(i).count}; }
  std::string_view string(uint32_t i) const { return {at<char>(slot(i).offset), slot(i).count}; }
  // A number: integers sign-extended, float and double as the bits of a double.
  uint64_t word(uint32_t i) const { return slot(i).word; }

  uint64_t workspace_bytes() const { return workspace_; }
  // Where an output whose shape depends on data leaves the shape; null for other outputs.
  ShapeBox* found(uint32_t i) const { return slot(i).box ? boxes_[slot(i).box - 1].get() : nullptr; }
  bool data_dependent() const { return boxes_[0] != nullptr; }

  struct Slot {
    uint64_t word;
    uint32_t offset;  // bytes from the Call to the copied argument; 0: absent
    uint32_t count;   // of a list or array
    uint32_t box;     // 1-based index of the ShapeBox
    uint32_t reserved;
  };

 protected:
  friend class CallBuilder;
  explicit Call(const Operator& op, uint32_t bytes) : op_(&op), bytes_(bytes) {}

  const Slot& slot(uint32_t i) const { return at<Slot>(slots_)[i]; }
  template <class T>
  T* at(uint32_t offset) const {
    return offset ? reinterpret_cast<T*>(reinterpret_cast<char*>(const_cast<Call*>(this)) + offset) : nullptr;
  }

  const Operator* op_;
  uint64_t workspace_ = 0;
  uint32_t bytes_;  // of the whole block, this object included
  uint32_t slots_ = 0;
  std::shared_ptr<ShapeBox> boxes_[3];
};

// Why a first phase refuses: ACLNN_ERR_PARAM_NULLPTR or _INVALID, and the sentence for aclGetRecentErrMsg.
struct Refusal {
  aclnnStatus status;
  std::string message;
};

// Why a kernel does not run although the device would run it: the simulator lacks something.
struct NotSimulated : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "float32[2, 3]", for messages.
NPU_SIM_API std::string describe(const FlatTensor& t);
NPU_SIM_API std::string describe(std::span<const int64_t> dims);

}  // namespace npu_sim::nnop

// An executor is a call plus what its owner may still do with it.
struct aclOpExecutor : npu_sim::nnop::Call {
  std::atomic<uint32_t> magic{kAlive};
  bool repeatable = false;

  static constexpr uint32_t kAlive = 0x45584543;
  bool alive() const { return magic.load(std::memory_order_relaxed) == kAlive; }
  // A second executor with the same arguments. Not for data-dependent calls, which own a box each.
  aclOpExecutor* clone() const;
  // The number of tensors, list elements included, and the `index`-th of them; null if there is none.
  npu_sim::nnop::FlatTensor* nth_tensor(size_t index, bool inputs, bool outputs) const;
  npu_sim::nnop::FlatTensor* list_element(size_t ir_index, size_t relative, bool inputs, bool outputs) const;
  // Gives the tensors that are present, in argument order, the addresses `addrs`. False if their number
  // differs.
  bool rebind(void* const* addrs, size_t n);
  static void destroy(aclOpExecutor* e);

 private:
  friend class npu_sim::nnop::CallBuilder;
  aclOpExecutor(const npu_sim::nnop::Operator& op, uint32_t bytes) : Call(op, bytes) {}
};
