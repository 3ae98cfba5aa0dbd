// SPDX-License-Identifier: BSD-3-Clause
// Memory of tensors that several processes use.
//
// A storage crosses as the name of the memory around it (ipc_memory.h) and a place in it.
// The process that sent it keeps the memory until every receiver has let go: a counter in shared memory says
// how many have not. A storage that the sender frees earlier waits in a list, which is looked through with
// every send, by `ipc_collect()` and when memory runs out. A receiver's work waits for an event that the
// sender recorded; a receiver that lets go waits for its device first, since the sender hands the memory on.
//
// What breaks it: a receiver that dies keeps its counts, so the memory stays until the sender ends; a message
// that nobody reads as well. A sender that ends takes its memory along. The same holds for CUDA's.
#pragma once

#include <c10/core/Storage.h>

#include <array>
#include <cstdint>
#include <string>

#include "npu/core/NPUEvent.h"
#include "npu/core/NPUFunctions.h"

namespace npu {

// How another process of this machine finds a storage.
struct SharedStorage {
  DeviceIndex device = 0;
  std::string key;      // of the memory that it lies in
  uint64_t offset = 0;  // bytes
  uint64_t nbytes = 0;
  // Where the sender counts: its process, a file of it, the number which that file begins with, a place in
  // it.
  int64_t process = 0, file = 0;
  uint64_t nonce = 0, place = 0;
  std::string event;  // empty: the memory was ready when it was sent
};

// Counts one receiver more. RuntimeError for memory that CANN cannot share: of another allocator, received
// from another process. NotImplementedError if this CANN shares none.
NPU_API SharedStorage share_storage(const c10::Storage& storage);
// The storage that was sent: the same one as long as this process still has it. Later work of the current
// stream waits for the sender's. RuntimeError if the sender has ended.
NPU_API c10::Storage open_storage(const SharedStorage& shared);
// Gives back what receivers have let go; whether that was anything. Called when memory runs out, too.
NPU_API bool ipc_collect() noexcept;

// The block that a sent storage had before, or `ptr` itself.
const c10::DataPtr& sent_original(const c10::DataPtr& ptr) noexcept;
// The device of memory that was received, or -1.
DeviceIndex received_device(const void* ptr) noexcept;

}  // namespace npu
