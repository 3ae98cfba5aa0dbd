// SPDX-License-Identifier: BSD-3-Clause
// The device below a DevicePool, by CANN's calls.
#pragma once

#include <unordered_map>

#include "npu/core/NPUFunctions.h"
#include "npu/core/cann.h"
#include "pool_backend.h"

namespace npu {

class CannPoolBackend final : public PoolBackend {
 public:
  explicit CannPoolBackend(DeviceIndex device) : device_(device) {}

  void* allocate(size_t nbytes) override;
  void free(void* ptr) noexcept override;

  size_t address_range(size_t granule) override;
  void* reserve(size_t nbytes) override;
  void unreserve(void* ptr) noexcept override;
  bool map(void* ptr, size_t nbytes, size_t granule) override;
  void unmap(void* ptr, size_t nbytes, size_t granule) noexcept override;
  std::vector<uint64_t> share(void* ptr, size_t nbytes, size_t granule) override;

  void quiesce() override;
  void* record(const c10::Stream& stream) override;
  Progress progress(void* event) override;
  void release(void* event) noexcept override;

  std::pair<size_t, size_t> memory_info() override;
  std::vector<std::pair<std::string, size_t>> others() override;

 private:
  const DeviceIndex device_;
  size_t total_ = 0;                                       // known after the first question
  std::unordered_map<char*, aclrtDrvMemHandle> granules_;  // the memory behind each mapped one
};

}  // namespace npu
