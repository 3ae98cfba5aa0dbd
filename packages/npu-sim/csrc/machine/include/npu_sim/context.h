// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "npu/cann/acl_types.h"
#include "npu_sim/api.h"
#include "npu_sim/handle_table.h"

namespace npu_sim {

class Device;
class Stream;

// What streams belong to. A thread works in one context at a time; each device has a primary one.
class NPU_SIM_API Context : public std::enable_shared_from_this<Context> {
 public:
  // Creates the context and its handle. The default stream starts with its first task.
  static std::shared_ptr<Context> create(Device& device);
  explicit Context(Device& device) : device(device) {}
  Context(const Context&) = delete;

  Device& device;
  aclrtContext handle = nullptr;
  std::array<std::atomic<int64_t>, 3> options{-1, -1, -1};  // by aclSysParamOpt; -1: as the process has it

  std::shared_ptr<Stream> default_stream();
  // Sets `handle`, if not null, to the new stream's.
  std::shared_ptr<Stream> create_stream(uint32_t priority, uint32_t flags, aclrtStream* handle);

  // Waits for all its streams and ends them; the context is unusable from then on.
  void destroy();
  bool destroyed() const { return destroyed_.load(std::memory_order_acquire); }

 private:
  std::mutex mutex_;
  std::shared_ptr<Stream> default_stream_;
  std::vector<std::weak_ptr<Stream>> streams_;
  std::atomic<bool> destroyed_{false};
};

NPU_SIM_API HandleTable<Context>& contexts();

// The context of the calling thread; null if none was set or it was destroyed.
NPU_SIM_API std::shared_ptr<Context> current_context();
NPU_SIM_API void set_current_context(const std::shared_ptr<Context>& context);
// As current_context, with ACL_ERROR_RT_CONTEXT_NULL and a message if there is none.
NPU_SIM_API int require_context(std::shared_ptr<Context>* context);

}  // namespace npu_sim
