// SPDX-License-Identifier: BSD-3-Clause
// CANN's objects for the arguments of one call.
#pragma once

#include <npu/cann/nnopbase.h>

#include <cstdint>
#include <vector>

#include "call_record.h"

namespace npu {

// Tensor descriptors for reuse, where this CANN can initialise one anew (aclInitTensor); else it creates and
// destroys.
class DescriptorPool {
 public:
  DescriptorPool() = default;
  DescriptorPool(const DescriptorPool&) = delete;  // it owns CANN objects
  DescriptorPool& operator=(const DescriptorPool&) = delete;

  aclTensor* take(const TensorView& tensor, void* address);
  void give_back(aclTensor* tensor) noexcept;

 private:
  std::vector<aclTensor*> free_;
};

// Where a tensor of a repeatable executor is addressed.
struct AddressSlot {
  enum Kind : uint8_t { kInput, kOutput, kBoth, kListInput, kListOutput, kListBoth } kind;
  uint32_t input = 0, output = 0;  // CANN counts tensor parameters, inputs and outputs apart
  uint32_t element = 0;            // in a tensor list
  uint32_t address = 0;            // in the record's addresses
  void* object = nullptr;          // aclTensor or aclTensorList
};

// The arguments of one call as CANN's first phase takes them; owns the objects.
class CallArguments {
 public:
  CallArguments(DescriptorPool& pool, const CallView& call);
  CallArguments(CallArguments&& other) noexcept;
  CallArguments& operator=(CallArguments&&) = delete;  // nobody needs it
  ~CallArguments();

  const uint64_t* words() const { return words_.data(); }
  // The object made for parameter `index`.
  void* object(uint32_t index) const { return reinterpret_cast<void*>(words_[index]); }
  const std::vector<AddressSlot>& slots() const { return slots_; }
  // False if the position of some tensor is not known to npu-core, so that its address could not be replaced
  // later.
  bool addressable() const { return addressable_; }

 private:
  struct Owned {
    void* object;
    uint8_t kind;  // npu_arg_kind
  };
  uint64_t make(const ArgView& arg, char direction, void* const* addresses);
  template <class T>
  uint64_t own(T* object, npu_arg_kind kind, const char* what);
  void release() noexcept;

  DescriptorPool* pool_;
  std::vector<uint64_t> words_;
  std::vector<Owned> owned_;
  std::vector<AddressSlot> slots_;
  uint32_t inputs_ = 0, outputs_ = 0, next_address_ = 0;
  // Whether a list of other than one tensor came before. CANN does not say whether a tensor after it is
  // counted by parameters or by tensors, and the wrong count would replace another tensor's address.
  bool input_list_ = false, output_list_ = false;
  bool addressable_ = true;
};

}  // namespace npu
