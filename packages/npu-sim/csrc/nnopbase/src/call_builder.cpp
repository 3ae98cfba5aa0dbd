// SPDX-License-Identifier: BSD-3-Clause
#include "call_builder.h"

#include <cstdlib>

#include "npu_sim/nnop/format.h"
#include "slots.h"

namespace npu_sim::nnop {

namespace {
constexpr size_t round_up(size_t n, size_t align) { return (n + align - 1) / align * align; }
uint32_t storage_dims(const aclTensor* t) { return is_private(t->format) ? t->storage.n : 0; }
size_t flat_bytes(const aclTensor* t) {
  return t ? sizeof(FlatTensor) + (t->sizes.n * 2 + storage_dims(t)) * sizeof(int64_t) : 0;
}
}  // namespace

// An upper bound: each piece is counted with the largest alignment gap.
uint32_t CallBuilder::measure() const {
  size_t n = sizeof(aclOpExecutor) + op_.count * sizeof(Call::Slot) + 16;
  for (uint32_t i = 0; i < op_.count; ++i) {
    if (op_.params[i].kind >= Kind::dtype || !words_[i]) continue;
    n += 16;
    switch (op_.params[i].kind) {
      case Kind::tensor:
        n += flat_bytes(handle<aclTensor>(i));
        break;
      case Kind::tensors:
        for (auto* t : handle<aclTensorList>(i)->v) n += flat_bytes(t) + sizeof(uint32_t) + 8;
        break;
      case Kind::scalar:
        n += sizeof(FlatScalar);
        break;
      case Kind::scalars:
        n += handle<aclScalarList>(i)->v.size() * sizeof(FlatScalar) + 1;
        break;
      case Kind::ints:
        n += handle<aclIntArray>(i)->v.size() * sizeof(int64_t) + 1;
        break;
      case Kind::floats:
        n += handle<aclFloatArray>(i)->v.size() * sizeof(float) + 1;
        break;
      case Kind::bools:
        n += handle<aclBoolArray>(i)->v.size() + 1;
        break;
      default:
        n += std::strlen(handle<char>(i)) + 1;
        break;
    }
  }
  return static_cast<uint32_t>(round_up(n, 16));
}

uint32_t CallBuilder::take(size_t bytes, size_t align) {
  uint32_t at = static_cast<uint32_t>(round_up(used_, align));
  used_ = at + static_cast<uint32_t>(bytes ? bytes : 1);  // an empty array is present, not absent
  return at;
}

uint32_t CallBuilder::copy(const void* p, size_t bytes, size_t align) {
  uint32_t at = take(bytes, align);
  if (bytes) std::memcpy(e_->at<char>(at), p, bytes);
  return at;
}

uint32_t CallBuilder::copy_tensor(const aclTensor* t) {
  if (!t) return 0;
  uint32_t at = take(flat_bytes(t));
  auto* flat =
      new (e_->at<char>(at)) FlatTensor{t->data, t->offset, t->dtype, t->format, t->sizes.n, storage_dims(t)};
  auto* dims = reinterpret_cast<int64_t*>(flat + 1);
  if (t->sizes.n) {
    std::memcpy(dims, t->sizes.v, t->sizes.n * sizeof(int64_t));
    std::memcpy(dims + t->sizes.n, t->strides.v, t->sizes.n * sizeof(int64_t));
  }
  if (flat->storage_ndim)
    std::memcpy(dims + 2 * t->sizes.n, t->storage.v, flat->storage_ndim * sizeof(int64_t));
  return at;
}

uint32_t CallBuilder::copy_scalars(const aclScalar* const* p, size_t n) {
  uint32_t at = take(n * sizeof(FlatScalar), alignof(FlatScalar));
  auto* flat = e_->at<FlatScalar>(at);
  for (size_t i = 0; i < n; ++i) {
    std::memcpy(flat[i].value, p[i]->value, sizeof flat[i].value);
    flat[i].dtype = p[i]->dtype;
  }
  return at;
}

// An output whose shape depends on data answers through a box that the caller's handle shares.
void CallBuilder::share_shape(uint32_t i, Call::Slot& slot) {
  if (!op_.data_dependent || op_.params[i].direction != Direction::out || boxes_ == std::size(e_->boxes_))
    return;
  auto box = std::make_shared<ShapeBox>();
  const_cast<aclTensor*>(handle<aclTensor>(i))->found = box;
  e_->boxes_[boxes_++] = std::move(box);
  slot.box = boxes_;
}

void CallBuilder::write(uint32_t i, Call::Slot& slot) {
  if (op_.is_again(i)) {
    slot = e_->at<Call::Slot>(e_->slots_)[0];
    return;
  }
  slot = {words_[i], 0, 0, 0, 0};
  const Kind kind = op_.params[i].kind;
  if (kind >= Kind::dtype || !words_[i]) return;
  switch (kind) {
    case Kind::tensor:
      slot.offset = copy_tensor(handle<aclTensor>(i));
      share_shape(i, slot);
      break;
    case Kind::tensors: {
      const auto& v = handle<aclTensorList>(i)->v;
      slot.count = static_cast<uint32_t>(v.size());
      slot.offset = take(v.size() * sizeof(uint32_t));
      for (size_t j = 0; j < v.size(); ++j) {
        uint32_t at = copy_tensor(v[j]);
        e_->at<uint32_t>(slot.offset)[j] = at;
      }
      break;
    }
    case Kind::scalar: {
      const aclScalar* s = handle<aclScalar>(i);
      slot.offset = copy_scalars(&s, 1);
      break;
    }
    case Kind::scalars: {
      const auto& v = handle<aclScalarList>(i)->v;
      slot.count = static_cast<uint32_t>(v.size());
      slot.offset = copy_scalars(v.data(), v.size());
      break;
    }
    case Kind::ints: {
      const auto& v = handle<aclIntArray>(i)->v;
      slot.count = static_cast<uint32_t>(v.size());
      slot.offset = copy(v.data(), v.size() * sizeof(int64_t));
      break;
    }
    case Kind::floats: {
      const auto& v = handle<aclFloatArray>(i)->v;
      slot.count = static_cast<uint32_t>(v.size());
      slot.offset = copy(v.data(), v.size() * sizeof(float));
      break;
    }
    case Kind::bools: {
      const auto& v = handle<aclBoolArray>(i)->v;
      slot.count = static_cast<uint32_t>(v.size());
      slot.offset = copy(v.data(), v.size(), 1);
      break;
    }
    default: {  // string
      slot.count = static_cast<uint32_t>(std::strlen(handle<char>(i)));
      slot.offset = copy(handle<char>(i), slot.count + 1, 1);
      break;
    }
  }
}

aclOpExecutor* CallBuilder::build() {
  const uint32_t bytes = measure();
  e_ = new (take_block(bytes)) aclOpExecutor(op_, bytes);
  used_ = sizeof(aclOpExecutor);
  e_->slots_ = take(op_.count * sizeof(Call::Slot));
  for (uint32_t i = 0; i < op_.count; ++i) write(i, e_->at<Call::Slot>(e_->slots_)[i]);
  return e_;
}

}  // namespace npu_sim::nnop
