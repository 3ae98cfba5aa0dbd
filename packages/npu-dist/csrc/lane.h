// SPDX-License-Identifier: BSD-3-Clause
// What one process group has on one device: a communicator, and the stream on which its operations run.
#pragma once

#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "hccl.h"

namespace npu::dist {

struct LaneOptions {
  c10::intrusive_ptr<c10d::Store> store;
  std::string key;   // of this communicator in the store, the same on all ranks
  std::string name;  // of the group, for messages
  int rank;
  int size;
  std::chrono::milliseconds timeout;
};

class Lane {
 public:
  // Meets the other ranks in the store, then in HCCL. DistBackendError naming who did not come in time.
  Lane(const LaneOptions& options, c10::Device device);
  Lane(const Lane&) = delete;  // owns the communicator until close()
  // Leaves the communicator open: at the process's end nothing may call CANN any more.
  ~Lane() = default;

  const c10::Device device;
  const c10::Stream stream;
  HcclComm comm() const { return comm_; }

  // Enqueues `call`, an HCCL call as HcclResult(aclrtStream), on the current stream, in the order of all
  // launches. `call` is copied as bytes. `name` has static storage.
  template <class F>
  static void enqueue(const char* name, F call) {
    static_assert(std::is_trivially_copyable_v<F>, "a queued call is copied as bytes");
    auto task = [](void* payload, aclrtStream stream, const char** message) -> npu_status {
      const HcclResult result = (*static_cast<F*>(payload))(stream);
      if (C10_LIKELY(result == HCCL_SUCCESS)) return NPU_OK;
      thread_local std::string text;
      text = describe(result);
      *message = text.c_str();
      return NPU_ERROR;
    };
    NPU_CALL(core().enqueue(name, task, &call, sizeof call));
  }

  // Has an out-of-memory message name the communicator's device memory, which HCCL takes in the first
  // operation and gives back with the communicator.
  void note_memory();

  // What HCCL found wrong since, here or at another rank; empty if nothing.
  std::string error() const;

  // Waits for the stream, if `wait`, and gives the communicator back. What is still queued then fails.
  void close(bool wait);

 private:
  HcclComm comm_ = nullptr;
  std::atomic<int64_t> noted_{0};  // bytes of device memory
};

// The current device's memory for `nbytes` bytes, in the order of the current stream.
c10::DataPtr scratch(size_t nbytes);

// Copies bytes of one device on the current stream.
void copy_on(c10::Device device, void* to, const void* from, size_t nbytes);

}  // namespace npu::dist
