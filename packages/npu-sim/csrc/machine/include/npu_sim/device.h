// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "npu_sim/api.h"
#include "npu_sim/compute_slots.h"
#include "npu_sim/device_memory.h"

namespace npu_sim {

class Context;
class Stream;

// One simulated device. Devices live as long as the process.
class NPU_SIM_API Device {
 public:
  Device(int id, int physical_id, char* base, uint64_t bytes, int slots);
  Device(const Device&) = delete;

  const int id;           // as the user numbers it
  const int physical_id;  // as the machine numbers it
  DeviceMemory memory;
  ComputeSlots slots;
  std::atomic<uint64_t> peers{0};  // bit i: access to the memory of user device i is enabled

  // ACL_RT_OVERFLOW_MODE_SATURATION or _INFNAN: what a result beyond a type's range becomes.
  std::atomic<int> overflow_mode;
  // An operator of a stream with the overflow switch went beyond a type's range.
  std::atomic<bool> overflowed{false};
  // Cores that operators may use, cube and vector; 0: all. Kernels here use NPU_SIM_THREADS whatever it says.
  std::array<std::atomic<uint32_t>, 2> core_limits{};

  // Memory that the device found broken and could not correct.
  struct MemoryError {
    void* address;
    uint64_t bytes;
  };
  void add_memory_error(MemoryError error);
  std::vector<MemoryError> memory_errors() const;
  // False if none begins at `address`.
  bool repair_memory_error(const void* address);

  // A fault stops the device: the first one stays until cleared.
  void set_fault(int code, std::string message);
  int fault() const { return fault_.load(std::memory_order_acquire); }
  std::string fault_message() const;
  void clear_fault();

  void add_stream(const std::shared_ptr<Stream>& stream);
  std::vector<std::shared_ptr<Stream>> streams() const;

  // Waits for every stream, `timeout_ms` at most (negative: for ever), and reports the first error.
  int synchronize(int timeout_ms);

  // The context that aclrtSetDevice creates; counts its users. Null after the last release.
  std::shared_ptr<Context> retain_primary();
  // One user fewer, or none with `force`. At none the context ends, all memory is freed and a fault cleared.
  // False if there was no user.
  bool release_primary(bool force);
  std::shared_ptr<Context> primary() const;

 private:
  mutable std::mutex mutex_;
  std::atomic<int> fault_{0};
  std::string fault_message_;
  std::vector<std::weak_ptr<Stream>> streams_;
  std::vector<MemoryError> memory_errors_;
  std::shared_ptr<Context> primary_;
  int users_ = 0;
};

}  // namespace npu_sim
