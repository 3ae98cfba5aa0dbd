// SPDX-License-Identifier: BSD-3-Clause
#include "call_record.h"

#include <c10/core/TensorImpl.h>
#include <c10/util/Exception.h>

#include <cstring>
#include <memory>

#include "dtype_names.h"
#include "npu/core/launch.h"
#include "operator.h"

namespace npu {
namespace {

constexpr size_t words_for(size_t bytes) { return (bytes + 7) / 8; }

uint64_t head(npu_arg_kind kind, int32_t dtype, uint32_t count, uint8_t format = 0) {
  return uint64_t{kind} | uint64_t{static_cast<uint16_t>(dtype)} << 8 | uint64_t{format} << 24 |
         uint64_t{count} << 32;
}

// CANN wants to know a layout; torch's tensors are plain, so the rank says it.
uint8_t format_of(size_t ndim) {
  switch (ndim) {
    case 3:
      return ACL_FORMAT_NCL;
    case 4:
      return ACL_FORMAT_NCHW;
    case 5:
      return ACL_FORMAT_NCDHW;
    default:
      return ACL_FORMAT_ND;
  }
}

struct Writer {
  const Operator& op;
  DeviceIndex device;
  uint64_t* out;
  uint64_t* addresses;
  std::span<const ArgFormat> formats;
  uint32_t address_count = 0;

  [[noreturn]] void wrong_device(const c10::TensorImpl& t, uint32_t index) const {
    TORCH_CHECK(false, "Expected all tensors to be on the same device, but argument ", index, " of ",
                op.descriptor->name, " is on ", t.device(),
                " and the current device is npu:", static_cast<int>(device),
                ". Move it with .to('npu:", static_cast<int>(device), "').");
  }

  void tensor(const c10::TensorImpl& t, uint32_t index, char direction) {
    const c10::Device where = t.device();
    if (C10_UNLIKELY(where.type() != c10::kPrivateUse1 || where.index() != device || !t.has_storage()))
      wrong_device(t, index);
    const auto sizes = t.sizes();
    const auto strides = t.strides();
    const size_t n = sizes.size();
    const aclDataType dtype = acl_dtype(c10::typeMetaToScalarType(t.dtype()));
    auto* storage = t.unsafe_storage().unsafeGetStorageImpl();
    uint64_t* const begin = out;
    *out++ = head(NPU_ARG_TENSOR, dtype, static_cast<uint32_t>(n), format_of(n));
    *out++ = static_cast<uint64_t>(t.storage_offset());
    *out++ = storage->nbytes() / t.itemsize();
    std::memcpy(out, sizes.data(), n * 8);
    std::memcpy(out + n, strides.data(), n * 8);
    out += 2 * n;
    // A lazily cloned storage must become its own before it is written to.
    const void* data = direction == 'i' ? storage->data() : storage->mutable_data();
    addresses[address_count++] = reinterpret_cast<uint64_t>(data);
    if (C10_UNLIKELY(!formats.empty())) give_format(begin, index);
  }

  void give_format(uint64_t* tensor, uint32_t index) {
    for (const ArgFormat& f : formats) {
      if (f.argument != index) continue;
      const uint8_t format = static_cast<uint8_t>(f.format) | (f.dims.empty() ? 0 : kPrivate);
      *tensor = (*tensor & ~(uint64_t{0xff} << 24)) | uint64_t{format} << 24;
      if (f.dims.empty()) continue;
      *out++ = f.dims.size();
      std::memcpy(out, f.dims.data(), f.dims.size() * 8);
      out += f.dims.size();
    }
  }

  void bytes(const void* from, size_t n) {
    const size_t words = words_for(n);
    if (!words) return;
    out[words - 1] = 0;
    std::memcpy(out, from, n);
    out += words;
  }

  void scalar(const npu_arg& a) {
    *out++ = head(NPU_ARG_SCALAR, a.dtype, 1);
    out[0] = out[1] = 0;
    std::memcpy(out, a.object, dtype_info(a.dtype).bytes);
    out += 2;
  }

  void arg(const npu_arg& a, uint32_t index, char direction) {
    const auto kind = static_cast<npu_arg_kind>(a.kind);
    const auto count = static_cast<uint32_t>(a.count);
    switch (kind) {
      case NPU_ARG_TENSOR:
        return tensor(*static_cast<const c10::TensorImpl*>(a.object), index, direction);
      case NPU_ARG_SCALAR:
        return scalar(a);
      case NPU_ARG_WORD:
        *out++ = head(kind, a.dtype, 1);
        *out++ = a.word;
        return;
      case NPU_ARG_NONE:
        *out++ = head(kind, a.dtype, 0);
        return;
      case NPU_ARG_TENSORS:
        *out++ = head(kind, 0, count);
        for (uint32_t i = 0; i < count; ++i)
          tensor(*static_cast<const c10::TensorImpl* const*>(a.object)[i], index, direction);
        return;
      case NPU_ARG_SCALARS:
        *out++ = head(kind, 0, count);
        for (uint32_t i = 0; i < count; ++i) scalar(static_cast<const npu_arg*>(a.object)[i]);
        return;
      case NPU_ARG_INTS:
        *out++ = head(kind, 0, count);
        return bytes(a.object, a.count * 8);
      case NPU_ARG_BOOLS:
        *out++ = head(kind, 0, count);
        return bytes(a.object, a.count);
      case NPU_ARG_FLOATS:
        *out++ = head(kind, 0, count);
        return bytes(a.object, a.count * 4);
      case NPU_ARG_STRING:
        *out++ = head(kind, 0, count);
        return bytes(a.object, a.count + 1);
    }
    TORCH_CHECK(false, op.descriptor->name, ": argument ", index, " has unknown kind ", a.kind);
  }
};

struct Bound {
  size_t words = 0;
  size_t tensors = 0;

  void tensor(const c10::TensorImpl& t) {
    words += 3 + 2 * static_cast<size_t>(t.dim());
    ++tensors;
  }
};

Bound bound(const npu_arg* args, uint32_t count) {
  Bound b;
  for (uint32_t i = 0; i < count; ++i) {
    const npu_arg& a = args[i];
    switch (a.kind) {
      case NPU_ARG_TENSOR:
        b.tensor(*static_cast<const c10::TensorImpl*>(a.object));
        break;
      case NPU_ARG_TENSORS:
        ++b.words;
        for (uint64_t k = 0; k < a.count; ++k)
          b.tensor(*static_cast<const c10::TensorImpl* const*>(a.object)[k]);
        break;
      case NPU_ARG_SCALARS:
        b.words += 1 + 3 * a.count;
        break;
      default:
        b.words += 4 + a.count;
        break;
    }
  }
  return b;
}

// This thread's buffer. It grows to the largest call and stays: no allocation a launch.
struct Buffer {
  std::unique_ptr<uint64_t[]> words;
  size_t capacity = 0;

  uint64_t* grow(size_t n) {
    if (C10_UNLIKELY(n > capacity)) {
      capacity = n * 2 + 256;
      words.reset(new uint64_t[capacity]);
    }
    return words.get();
  }
};
thread_local Buffer t_buffer;

constexpr size_t kHeaderWords = sizeof(CallHeader) / 8;

}  // namespace

TensorView ArgView::tensor() const {
  const auto* d = reinterpret_cast<const int64_t*>(data);
  TensorView t{static_cast<aclDataType>(dtype),
               static_cast<aclFormat>(format & ~kPrivate),
               count,
               d[0],
               d + 1,
               1,
               d + 2,
               d + 2 + count};
  if (C10_UNLIKELY(format & kPrivate)) {
    const int64_t* dims = t.strides + count;
    t.storage_ndim = static_cast<uint32_t>(dims[0]);
    t.storage = dims + 1;
  }
  return t;
}

const uint64_t* ArgView::next() const {
  switch (kind) {
    case NPU_ARG_TENSOR: {
      const uint64_t* end = data + 2 + 2 * size_t{count};
      return C10_UNLIKELY(format & kPrivate) ? end + 1 + end[0] : end;
    }
    case NPU_ARG_SCALAR:
      return data + 2;
    case NPU_ARG_WORD:
      return data + 1;
    case NPU_ARG_INTS:
      return data + count;
    case NPU_ARG_BOOLS:
      return data + words_for(count);
    case NPU_ARG_FLOATS:
      return data + words_for(size_t{count} * 4);
    case NPU_ARG_STRING:
      return data + words_for(size_t{count} + 1);
    case NPU_ARG_TENSORS:
    case NPU_ARG_SCALARS: {
      const uint64_t* p = data;
      for (uint32_t i = 0; i < count; ++i) p = read_arg(p).next();
      return p;
    }
    case NPU_ARG_NONE:
      break;
  }
  return data;
}

ArgView read_arg(const uint64_t* h) {
  return {static_cast<npu_arg_kind>(*h & 0xff), static_cast<int16_t>(*h >> 8 & 0xffff),
          static_cast<uint8_t>(*h >> 24 & 0xff), static_cast<uint32_t>(*h >> 32), h + 1};
}

CallRecord write_call(Operator& op, const npu_arg* args, uint32_t count, DeviceIndex device,
                      std::span<const ArgFormat> formats) {
  TORCH_CHECK(count == op.arity, op.descriptor->name, " takes ", op.arity, " arguments, got ", count);
  Bound b = bound(args, count);
  for (const ArgFormat& f : formats) b.words += 1 + f.dims.size();
  uint64_t* words = t_buffer.grow(kHeaderWords + b.words + 2 * b.tensors);
  uint64_t* key = words + kHeaderWords;
  // Addresses are gathered at the end of the buffer and moved behind the key once its length is known.
  uint64_t* addresses = key + b.words + b.tensors;
  Writer w{op, device, key, addresses, formats};
  for (uint32_t i = 0; i < count; ++i) w.arg(args[i], i, op.descriptor->directions[i]);
  const auto key_words = static_cast<uint32_t>(w.out - key);
  std::memmove(w.out, addresses, w.address_count * 8);
  auto* header = ::new (words) CallHeader{&op, count, key_words, w.address_count, 0, nullptr};
  return {header, sizeof(CallHeader) + 8 * size_t{key_words + w.address_count}};
}

}  // namespace npu
