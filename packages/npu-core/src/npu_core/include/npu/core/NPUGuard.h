// SPDX-License-Identifier: BSD-3-Clause
// Guards that set this thread's device or stream and restore it.
#pragma once

#include <optional>

#include "npu/core/NPUStream.h"

namespace npu {

// Sets the current device; the destructor restores what was current before.
class NPUGuard {
 public:
  explicit NPUGuard(DeviceIndex device) : previous_(exchange_device(device)) {}
  explicit NPUGuard(c10::Device device) : NPUGuard(device.index()) {}
  ~NPUGuard() {
    if (previous_ >= 0) set_device_unchecked(previous_);
  }
  NPUGuard(const NPUGuard&) = delete;  // a second destructor would restore twice
  NPUGuard& operator=(const NPUGuard&) = delete;

 private:
  DeviceIndex previous_;
};

class OptionalNPUGuard {
 public:
  OptionalNPUGuard() = default;
  explicit OptionalNPUGuard(std::optional<c10::Device> device) {
    if (device) guard_.emplace(*device);
  }

 private:
  std::optional<NPUGuard> guard_;
};

// Sets the current device to the stream's and the stream current on it; restores both.
class NPUStreamGuard {
 public:
  explicit NPUStreamGuard(NPUStream stream)
      : device_(stream.device_index()), previous_(getCurrentNPUStream(stream.device_index())) {
    setCurrentNPUStream(stream);
  }
  ~NPUStreamGuard() { setCurrentNPUStream(previous_); }
  NPUStreamGuard(const NPUStreamGuard&) = delete;
  NPUStreamGuard& operator=(const NPUStreamGuard&) = delete;

 private:
  NPUGuard device_;
  NPUStream previous_;
};

}  // namespace npu
