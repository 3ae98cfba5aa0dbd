// SPDX-License-Identifier: BSD-3-Clause
// Private storage formats: memory whose elements do not lie where a tensor's strides say.
//
// The format is the storage's: its DataPtr holds a StorageFormat, so every view has it and every path that
// knows nothing of formats must meet one of these.
//   1. An operator's input (arg_formats.h): CANN's operators that read FRACTAL_NZ get it as it is, every
//   other
//      one a copy in base format.
//   2. Anything that takes the memory to write to it (an output, `x.data_ptr()`, sharing, saving): torch's
//      materializer puts the storage back into base format first, at the same address, for good.
//   3. Copies of bytes: copy_bytes() reads the elements in base format.
// What goes around all three reads blocks for rows. Programs without formats pay one relaxed load a launch.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/StorageImpl.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "npu/cann/acl_types.h"
#include "npu/core/NPUFunctions.h"

namespace npu {

// `memory` is kept by the storage's DataPtr through this.
struct StorageFormat {
  c10::DataPtr memory;
  aclFormat format;
  c10::ScalarType dtype;
  std::vector<int64_t> sizes;  // of the contiguous tensor that it holds
  std::vector<int64_t> dims;   // of the memory
  size_t nbytes;               // of the memory
  mutable bool captured;       // a graph reads it in each replay
};

namespace detail {
extern std::atomic<bool> g_formats_used;
}

// Whether a storage of this process ever had a private format.
inline bool formats_used() noexcept { return detail::g_formats_used.load(std::memory_order_relaxed); }

// Held around every look at a format: another thread may put the storage into base format meanwhile.
std::recursive_mutex& formats_mutex();
// Null if the storage is in base format.
const StorageFormat* format_of_storage(const c10::StorageImpl& storage) noexcept;
// What holds the bytes of a storage: `ptr` itself, or the block that a format is kept with.
const c10::DataPtr& format_original(const c10::DataPtr& ptr) noexcept;

// Memory in `format` with the elements of `base`, a contiguous tensor, for a DataPtr of a storage. Raises
// what CANN answers to a format, dtype or rank that aclnnNpuFormatCast does not make; NotImplementedError if
// this CANN lacks it.
c10::DataPtr lay_out(const at::Tensor& base, aclFormat format);
// To be called by what reads the blocks: a graph that captures it will do so in each replay.
void note_reader(const StorageFormat& format);
// A storage in base format with the same elements, made on the current stream.
c10::Storage base_copy(const StorageFormat& format);
// Gives the storage memory of lay_out().
void adopt(c10::StorageImpl& storage, c10::DataPtr laid_out);
// The base copy of the privately laid memory that `src` lies in, whose address replaces `src`; else nothing.
c10::Storage base_copy_at(const void*& src, DeviceIndex device);

}  // namespace npu
