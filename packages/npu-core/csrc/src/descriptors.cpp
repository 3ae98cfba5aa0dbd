// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors.h"

#include <c10/util/Exception.h>

#include "npu/core/error.h"
#include "operator.h"

namespace npu {
namespace {
constexpr size_t kPooled = 256;

void check_made(const void* object, const char* what) {
  TORCH_CHECK(object, error_message(what, ACL_ERROR_FAILURE));
}

// The elements of a list until the list exists, which then destroys them.
template <class T>
struct Elements {
  aclnnStatus (*destroy)(const T*);
  std::vector<T*> objects;

  ~Elements() {
    for (T* object : objects) destroy(object);
  }
  void add(T* object, const char* what) {
    check_made(object, what);
    objects.push_back(object);
  }
};

}  // namespace

aclTensor* DescriptorPool::take(const TensorView& t, void* address) {
  const Cann& c = cann();
  if (!free_.empty()) {
    aclTensor* tensor = free_.back();
    free_.pop_back();
    if (c.aclInitTensor(tensor, t.sizes, t.ndim, t.dtype, t.strides, t.offset, t.format, t.storage,
                        t.storage_ndim, address) == 0)
      return tensor;
    c.aclDestroyTensor(tensor);
  }
  return c.aclCreateTensor(t.sizes, t.ndim, t.dtype, t.strides, t.offset, t.format, t.storage, t.storage_ndim,
                           address);
}

void DescriptorPool::give_back(aclTensor* tensor) noexcept {
  if (!cann_usable()) return;
  const Cann& c = cann();
  if (c.has_aclInitTensor && free_.size() < kPooled)
    free_.push_back(tensor);
  else
    c.aclDestroyTensor(tensor);
}

CallArguments::CallArguments(DescriptorPool& pool, const CallView& call) : pool_(&pool) {
  const CallHeader& h = *call.header;
  words_.reserve(h.arg_count);
  owned_.reserve(h.arg_count);
  slots_.reserve(h.address_count);
  const uint64_t* p = call.key();
  try {
    for (uint32_t i = 0; i < h.arg_count; ++i) {
      const ArgView arg = read_arg(p);
      words_.push_back(make(arg, h.op->descriptor->directions[i], call.addresses()));
      p = arg.next();
    }
  } catch (...) {
    release();  // no destructor runs for a half-made object
    throw;
  }
}

CallArguments::CallArguments(CallArguments&& other) noexcept = default;

CallArguments::~CallArguments() { release(); }

void CallArguments::release() noexcept {
  if (!owned_.empty() && cann_usable()) {
    const Cann& c = cann();
    for (const Owned& o : owned_) {
      switch (o.kind) {
        case NPU_ARG_TENSOR:
          pool_->give_back(static_cast<aclTensor*>(o.object));
          break;
        case NPU_ARG_TENSORS:
          c.aclDestroyTensorList(static_cast<aclTensorList*>(o.object));
          break;
        case NPU_ARG_SCALAR:
          c.aclDestroyScalar(static_cast<aclScalar*>(o.object));
          break;
        case NPU_ARG_SCALARS:
          c.aclDestroyScalarList(static_cast<aclScalarList*>(o.object));
          break;
        case NPU_ARG_INTS:
          c.aclDestroyIntArray(static_cast<aclIntArray*>(o.object));
          break;
        case NPU_ARG_BOOLS:
          c.aclDestroyBoolArray(static_cast<aclBoolArray*>(o.object));
          break;
        case NPU_ARG_FLOATS:
          c.aclDestroyFloatArray(static_cast<aclFloatArray*>(o.object));
          break;
        default:
          break;
      }
    }
  }
  owned_.clear();
}

template <class T>
uint64_t CallArguments::own(T* object, npu_arg_kind kind, const char* what) {
  check_made(object, what);
  owned_.push_back({object, static_cast<uint8_t>(kind)});
  return reinterpret_cast<uint64_t>(object);
}

uint64_t CallArguments::make(const ArgView& a, char direction, void* const* addresses) {
  const Cann& c = cann();
  auto* values = const_cast<uint64_t*>(a.data);
  const bool in = direction != 'o', out = direction != 'i';
  auto add_slots = [&](void* object, AddressSlot::Kind first, uint32_t n) {
    const auto kind = static_cast<AddressSlot::Kind>(first + (in && out ? 2 : out ? 1 : 0));
    for (uint32_t i = 0; i < n; ++i) slots_.push_back({kind, inputs_, outputs_, i, next_address_++, object});
    inputs_ += in;
    outputs_ += out;
  };
  switch (a.kind) {
    case NPU_ARG_NONE:
      // An absent tensor still counts in CANN's numbering.
      if (a.dtype == NPU_ARG_TENSOR || a.dtype == NPU_ARG_TENSORS)
        add_slots(nullptr, AddressSlot::kInput, 0);
      else if (a.dtype == NPU_ARG_NONE)
        addressable_ = false;
      return 0;
    case NPU_ARG_TENSOR: {
      aclTensor* t = pool_->take(a.tensor(), addresses[next_address_]);
      const uint64_t word = own(t, a.kind, "aclCreateTensor");
      if ((in && input_list_) || (out && output_list_)) addressable_ = false;
      add_slots(t, AddressSlot::kInput, 1);
      return word;
    }
    case NPU_ARG_TENSORS: {
      // Not from the pool: a list destroys its elements.
      Elements<aclTensor> tensors{c.aclDestroyTensor, {}};
      const uint64_t* p = a.data;
      for (uint32_t i = 0; i < a.count; ++i) {
        const ArgView element = read_arg(p);
        const TensorView t = element.tensor();
        tensors.add(c.aclCreateTensor(t.sizes, t.ndim, t.dtype, t.strides, t.offset, t.format, t.storage,
                                      t.storage_ndim, addresses[next_address_ + i]),
                    "aclCreateTensor");
        p = element.next();
      }
      aclTensorList* list = c.aclCreateTensorList(tensors.objects.data(), tensors.objects.size());
      const uint64_t word = own(list, a.kind, "aclCreateTensorList");
      tensors.objects.clear();  // the list's now
      add_slots(list, AddressSlot::kListInput, a.count);
      input_list_ |= in && a.count != 1;
      output_list_ |= out && a.count != 1;
      return word;
    }
    case NPU_ARG_SCALAR:
      return own(c.aclCreateScalar(values, static_cast<aclDataType>(a.dtype)), a.kind, "aclCreateScalar");
    case NPU_ARG_SCALARS: {
      Elements<aclScalar> scalars{c.aclDestroyScalar, {}};
      const uint64_t* p = a.data;
      for (uint32_t i = 0; i < a.count; ++i) {
        const ArgView element = read_arg(p);
        scalars.add(
            c.aclCreateScalar(const_cast<uint64_t*>(element.data), static_cast<aclDataType>(element.dtype)),
            "aclCreateScalar");
        p = element.next();
      }
      aclScalarList* list = c.aclCreateScalarList(scalars.objects.data(), scalars.objects.size());
      const uint64_t word = own(list, a.kind, "aclCreateScalarList");
      scalars.objects.clear();  // the list's now
      return word;
    }
    case NPU_ARG_INTS:
      return own(c.aclCreateIntArray(reinterpret_cast<int64_t*>(values), a.count), a.kind,
                 "aclCreateIntArray");
    case NPU_ARG_BOOLS:
      return own(c.aclCreateBoolArray(reinterpret_cast<bool*>(values), a.count), a.kind,
                 "aclCreateBoolArray");
    case NPU_ARG_FLOATS:
      return own(c.aclCreateFloatArray(reinterpret_cast<float*>(values), a.count), a.kind,
                 "aclCreateFloatArray");
    case NPU_ARG_STRING:
      return reinterpret_cast<uint64_t>(values);
    case NPU_ARG_WORD:
      return *values;
  }
  return 0;
}

}  // namespace npu
