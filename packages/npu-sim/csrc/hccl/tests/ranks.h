// SPDX-License-Identifier: BSD-3-Clause
// Ranks as threads of one process, each with a device, a stream and a communicator of its own.
#pragma once

#include <gtest/gtest.h>
#include <npu/cann/hccl.h>

#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "npu_sim/context.h"
#include "npu_sim/device.h"
#include "npu_sim/error.h"
#include "npu_sim/machine.h"
#include "npu_sim/memory.h"
#include "npu_sim/queue.h"

namespace npu_sim::hccl {

struct Rank {
  uint32_t id = 0;
  uint32_t size = 0;
  Device* device = nullptr;
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  aclrtStream handle = nullptr;
  HcclComm comm = nullptr;

  template <class T>
  T* put(const std::vector<T>& values) {
    auto* p = static_cast<T*>(device->memory.allocate(values.size() * sizeof(T), 512));
    std::memcpy(shadow(p), values.data(), values.size() * sizeof(T));
    return p;
  }
  template <class T>
  std::vector<T> get(const T* p, size_t n) {
    const T* from = shadow(p);
    return {from, from + n};
  }
  // What the stream answers; its message is this thread's then.
  int finish() { return stream->synchronize(-1); }
};

// Runs `body` on `n` threads, each a rank of one communicator.
inline void with_ranks(uint32_t n, const std::function<void(Rank&)>& body) {
  HcclRootInfo info;
  Device* first = nullptr;
  ASSERT_EQ(open_device(0, &first), 0) << take_error_message();
  auto context = first->retain_primary();
  set_current_context(context);
  ASSERT_EQ(HcclGetRootInfo(&info), HCCL_SUCCESS) << take_error_message();
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < n; ++i)
    threads.emplace_back([&, i] {
      Rank r;
      r.id = i;
      r.size = n;
      ASSERT_EQ(open_device(static_cast<int>(i), &r.device), 0) << take_error_message();
      r.context = r.device->retain_primary();
      set_current_context(r.context);
      r.stream = r.context->create_stream(0, 0, &r.handle);
      ASSERT_EQ(HcclCommInitRootInfo(n, &info, i, &r.comm), HCCL_SUCCESS) << take_error_message();
      body(r);
      HcclCommDestroy(r.comm);
    });
  for (auto& t : threads) t.join();
  for (uint32_t i = 0; i < n; ++i)
    if (Device* d = opened_device(static_cast<int>(i))) d->release_primary(true);
}

}  // namespace npu_sim::hccl
