// SPDX-License-Identifier: BSD-3-Clause
#include "arg_formats.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <mutex>

#include "operator.h"
#include "storage_format.h"

namespace npu {

namespace {

// CANN's operators that read an argument in FRACTAL_NZ: another name for the same parameters. By their pages
// self, or mat1, and mat2 have the same dtype, float16 or bfloat16.
struct Reader {
  const char* name;
  uint32_t factor, argument;
  int64_t rank;
  npu_operator as;  // its other fields come from the first call
};
constinit std::array kReaders{
    Reader{"aclnnMm", 0, 1, 2, {"aclnnMatmulWeightNz", nullptr, nullptr, nullptr}},
    Reader{"aclnnMatmul", 0, 1, 2, {"aclnnMatmulWeightNz", nullptr, nullptr, nullptr}},
    Reader{"aclnnBatchMatMul", 0, 1, 3, {"aclnnBatchMatMulWeightNz", nullptr, nullptr, nullptr}},
    Reader{"aclnnAddmm", 1, 2, 2, {"aclnnAddmmWeightNz", nullptr, nullptr, nullptr}},
};

const c10::TensorImpl* tensor_of(const npu_arg& a) { return static_cast<const c10::TensorImpl*>(a.object); }

const StorageFormat* format_of(const c10::TensorImpl& t) {
  return t.device().is_privateuseone() && t.has_storage()
             ? format_of_storage(*t.unsafe_storage().unsafeGetStorageImpl())
             : nullptr;
}

// Whether it is all of the storage, as it lies there or with its last two dims exchanged.
bool is_whole(const c10::TensorImpl& t, const StorageFormat& f) {
  if (t.storage_offset() != 0 || c10::typeMetaToScalarType(t.dtype()) != f.dtype) return false;
  const size_t n = f.sizes.size();
  if (static_cast<size_t>(t.dim()) != n) return false;
  for (const bool exchanged : {false, true}) {
    bool whole = true;
    int64_t step = 1;
    for (size_t d = n; d-- > 0;) {
      const size_t at = exchanged && d + 2 >= n ? 2 * n - 3 - d : d;
      whole &= t.sizes()[at] == f.sizes[d] && (f.sizes[d] == 1 || t.strides()[at] == step);
      step *= f.sizes[d];
    }
    if (whole) return true;
  }
  return false;
}

// The operator that reads the call's arguments as they lie, or null.
Reader* reader_of(const npu_operator& op, const npu_arg* args) {
  for (Reader& reader : kReaders) {
    if (std::strcmp(reader.name, op.name) != 0) continue;
    const npu_arg &factor = args[reader.factor], &arg = args[reader.argument];
    if (factor.kind != NPU_ARG_TENSOR || arg.kind != NPU_ARG_TENSOR) return nullptr;
    const c10::TensorImpl &left = *tensor_of(factor), &right = *tensor_of(arg);
    const StorageFormat* f = format_of(right);
    if (!f || f->format != ACL_FORMAT_FRACTAL_NZ || !is_whole(right, *f)) return nullptr;
    if (left.dim() != reader.rank || right.dim() != reader.rank || left.dtype() != right.dtype())
      return nullptr;
    if (f->dtype != c10::kHalf && f->dtype != c10::kBFloat16) return nullptr;
    // One row and one column have the same sizes and strides: CANN could not tell which the blocks hold.
    if (std::ranges::count(right.sizes().slice(right.dim() - 2), 1)) return nullptr;
    for (size_t i = 0; op.directions[i]; ++i) {
      if (op.directions[i] == 'o' && tensor_of(args[i])->dtype() != left.dtype()) return nullptr;
    }
    if (!has_operator(reader.as.name)) return nullptr;
    if (!reader.as.directions) {  // once: others read it without the lock
      reader.as.prepare = op.prepare;
      reader.as.directions = op.directions;
    }
    return &reader;
  }
  return nullptr;
}

}  // namespace

struct FormattedCall::Held {
  std::vector<npu_arg> args;
  std::vector<at::Tensor> tensors;
  std::deque<std::vector<const c10::TensorImpl*>> lists;
};

FormattedCall::FormattedCall(npu_operator& descriptor, const npu_arg* args, uint32_t count)
    : descriptor_(&descriptor), args_(args), lock_(formats_mutex()) {
  bool any = false;
  for (uint32_t i = 0; i < count; ++i) {
    if (args[i].kind == NPU_ARG_TENSOR) any |= format_of(*tensor_of(args[i])) != nullptr;
    for (uint64_t k = 0; args[i].kind == NPU_ARG_TENSORS && k < args[i].count; ++k)
      any |= format_of(*static_cast<const c10::TensorImpl* const*>(args[i].object)[k]) != nullptr;
  }
  if (!any) {
    lock_.unlock();
    return;
  }
  const size_t known = std::strlen(descriptor.directions);
  held_ = std::make_unique<Held>();
  held_->args.assign(args, args + count);
  args_ = held_->args.data();
  // What is written first: an input may be the same storage.
  for (const bool written : {true, false}) {
    Reader* const reader = written || count != known ? nullptr : reader_of(descriptor, args_);
    if (reader) {
      const StorageFormat& f = *format_of(*tensor_of(args_[reader->argument]));
      note_reader(f);
      formats_.push_back({reader->argument, f.format, f.dims});
      descriptor_ = &reader->as;
    }
    for (uint32_t i = 0; i < count; ++i) {
      const char direction = i < known ? descriptor.directions[i] : 'b';
      if ((direction != 'i') == written && !(reader && i == reader->argument)) replace(i, direction);
    }
  }
}

FormattedCall::~FormattedCall() = default;

void FormattedCall::replace(uint32_t index, char direction) {
  npu_arg& a = held_->args[index];
  if (a.kind == NPU_ARG_TENSOR) a.object = plain(tensor_of(a), direction);
  if (a.kind != NPU_ARG_TENSORS) return;
  auto& list = held_->lists.emplace_back();
  for (uint64_t k = 0; k < a.count; ++k)
    list.push_back(plain(static_cast<const c10::TensorImpl* const*>(a.object)[k], direction));
  a.object = list.data();
}

// The tensor in base format: itself if it is written, else a view of a copy.
const c10::TensorImpl* FormattedCall::plain(const c10::TensorImpl* tensor, char direction) {
  const StorageFormat* format = format_of(*tensor);
  if (!format) return tensor;
  if (direction != 'i') {
    tensor->unsafe_storage().unsafeGetStorageImpl()->mutable_data();  // torch calls the materializer
    return tensor;
  }
  auto impl = c10::make_intrusive<c10::TensorImpl>(
      base_copy(*format), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), tensor->dtype());
  impl->set_sizes_and_strides(tensor->sizes(), tensor->strides(), tensor->storage_offset());
  return held_->tensors.emplace_back(std::move(impl)).unsafeGetTensorImpl();
}

}  // namespace npu
