// SPDX-License-Identifier: BSD-3-Clause
// What the opaque handles of npu/cann/nnopbase.h are here.
//
// Ownership. A handle belongs to whoever created it; a tensor or scalar list owns its elements. The first
// phase of an operator copies everything it needs, so handles may be destroyed or reused as soon as it
// returned. The one exception is an output whose shape depends on data: its handle shares a ShapeBox with the
// running operator.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "npu/cann/nnopbase.h"
#include "npu_sim/api.h"

namespace npu_sim::nnop {

// CANN's descriptors hold up to 25 dimensions; operators accept 8.
inline constexpr uint32_t kMaxDescriptorDims = 25;

// A short list of sizes or strides. Only the used part is copied.
struct Dims {
  uint32_t n = 0;
  int64_t v[kMaxDescriptorDims];

  Dims() {}
  Dims(const Dims& o) { assign(o.v, o.n); }
  Dims& operator=(const Dims& o) {
    if (this != &o) assign(o.v, o.n);
    return *this;
  }
  void assign(const int64_t* p, uint64_t count) {
    n = static_cast<uint32_t>(count);
    if (count) std::memcpy(v, p, count * sizeof(int64_t));
  }
};

// The shape that an operator found while it ran; written once by the stream, read by aclGetViewShape.
struct ShapeBox {
  std::atomic<bool> known{false};
  Dims dims;
};

// Size in bits of one element, 0 for a dtype that has none (ACL_STRING, ACL_DT_UNDEFINED).
NPU_SIM_API uint32_t dtype_bits(aclDataType t);
// "float32" or the like: as a Python programmer writes it. Never null.
NPU_SIM_API const char* dtype_name(aclDataType t);

// First word of every object: a destroyed or foreign handle is refused instead of read.
enum class Tag : uint32_t {
  dead = 0,
  tensor = 0x54454e53,
  scalar = 0x53434c52,
  ints = 0x494e5453,
  floats = 0x464c5453,
  bools = 0x424c5453,
  tensors = 0x5454454e,
  scalars = 0x5453434c,
};

template <Tag kTag>
struct Tagged {
  std::atomic<Tag> tag{kTag};
  Tagged() = default;
  Tagged(const Tagged&) = delete;
  ~Tagged() { tag.store(Tag::dead, std::memory_order_relaxed); }
};

// Whether `p` is a living object of its type. Null is not.
template <class T>
bool alive(const T* p) {
  return p && p->tag.load(std::memory_order_relaxed) == T::kind;
}

}  // namespace npu_sim::nnop

struct aclTensor : npu_sim::nnop::Tagged<npu_sim::nnop::Tag::tensor> {
  static constexpr auto kind = npu_sim::nnop::Tag::tensor;
  aclDataType dtype = ACL_DT_UNDEFINED;
  aclFormat format = ACL_FORMAT_ND;
  int64_t offset = 0;  // elements
  void* data = nullptr;
  npu_sim::nnop::Dims sizes, strides, storage;     // strides in elements
  std::shared_ptr<npu_sim::nnop::ShapeBox> found;  // set while an operator may still find the shape
};

struct aclScalar : npu_sim::nnop::Tagged<npu_sim::nnop::Tag::scalar> {
  static constexpr auto kind = npu_sim::nnop::Tag::scalar;
  aclDataType dtype = ACL_DT_UNDEFINED;
  alignas(16) unsigned char value[16]{};
};

struct aclIntArray : npu_sim::nnop::Tagged<npu_sim::nnop::Tag::ints> {
  static constexpr auto kind = npu_sim::nnop::Tag::ints;
  std::vector<int64_t> v;
};

struct aclFloatArray : npu_sim::nnop::Tagged<npu_sim::nnop::Tag::floats> {
  static constexpr auto kind = npu_sim::nnop::Tag::floats;
  std::vector<float> v;
};

struct aclBoolArray : npu_sim::nnop::Tagged<npu_sim::nnop::Tag::bools> {
  static constexpr auto kind = npu_sim::nnop::Tag::bools;
  std::vector<unsigned char> v;
};

struct aclTensorList : npu_sim::nnop::Tagged<npu_sim::nnop::Tag::tensors> {
  static constexpr auto kind = npu_sim::nnop::Tag::tensors;
  std::vector<const aclTensor*> v;
};

struct aclScalarList : npu_sim::nnop::Tagged<npu_sim::nnop::Tag::scalars> {
  static constexpr auto kind = npu_sim::nnop::Tag::scalars;
  std::vector<const aclScalar*> v;
};
