// SPDX-License-Identifier: BSD-3-Clause
// One operator call as flat words: what the caller writes into the launch queue and the launch thread reads.
//
// Layout: CallHeader, then `key_words` words that say everything about the call but addresses (so that they
// are the key of the executor cache as they stand), then `address_count` addresses, one a tensor in order of
// the arguments. An argument in the key: a word {kind, dtype, format, count} and its data, whole words each:
//   tensor   offset, elements of the storage, sizes, strides (count: dimensions); with kPrivate in its format
//            the number of the storage's dims, and these
//   tensors  one tensor argument each               scalar   16 bytes of value
//   scalars  one scalar argument each               ints, bools, floats, string   the elements, zero-padded
//   word     the word                               none     nothing; dtype is the kind that is absent
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "arg_formats.h"
#include "npu/core/NPUFunctions.h"
#include "npu/core/abi.h"

namespace npu {

struct Operator;

struct ShapedResult;

struct CallHeader {
  Operator* op;
  uint32_t arg_count;
  uint32_t key_words;
  uint32_t address_count;
  uint32_t shaped;       // the argument whose shape is asked for
  ShapedResult* result;  // null for a plain launch
};
static_assert(sizeof(CallHeader) % 8 == 0, "words follow");

struct TensorView {
  aclDataType dtype;
  aclFormat format;
  uint32_t ndim;
  int64_t offset;          // elements
  const int64_t* storage;  // dims of the memory
  uint32_t storage_ndim;
  const int64_t* sizes;
  const int64_t* strides;
};

// In the format of a tensor argument: the storage's dims follow.
inline constexpr uint8_t kPrivate = 0x80;

struct ArgView {
  npu_arg_kind kind;
  int32_t dtype;
  uint8_t format;
  uint32_t count;
  const uint64_t* data;  // behind the head word

  TensorView tensor() const;     // of a tensor argument
  const uint64_t* next() const;  // the head word after this argument
};
ArgView read_arg(const uint64_t* head);

struct CallView {
  explicit CallView(const void* record) : header(static_cast<const CallHeader*>(record)) {}
  const CallHeader* header;
  const uint64_t* key() const { return reinterpret_cast<const uint64_t*>(header + 1); }
  void* const* addresses() const { return reinterpret_cast<void* const*>(key() + header->key_words); }
};

// A written record; valid until this thread writes the next one.
struct CallRecord {
  CallHeader* header;
  size_t bytes;
};
// Writes the call into this thread's buffer. RuntimeError if a tensor is not on `device`, naming operator and
// argument.
CallRecord write_call(Operator& op, const npu_arg* args, uint32_t count, DeviceIndex device,
                      std::span<const ArgFormat> formats);

// "aclnnAdd(float32[2, 3], float32[3], 1, float32[2, 3])".
std::string describe_call(const void* record);

}  // namespace npu
