// SPDX-License-Identifier: BSD-3-Clause
// The allocator of every npu tensor: one caching pool a device (see csrc/src/device_pool.h for its policy),
// behind c10::GetAllocator(PrivateUse1) and c10::getDeviceAllocator. Every function may be called from any
// thread. After shutdown, and in a child forked after initialisation, freeing is a silent no-op.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>

#include <string>
#include <utility>

#include "npu/core/NPUStream.h"

namespace npu::NPUCachingAllocator {

// Registered with c10 when libnpu_core is loaded.
NPU_API c10::DeviceAllocator* get();

// Memory that the caller frees by address, in the pool of `stream`. Null for 0 bytes.
NPU_API void* raw_alloc(size_t nbytes, NPUStream stream);
// ValueError if `ptr` is not a live result of raw_alloc. Null is allowed.
NPU_API void raw_delete(void* ptr);

// The share of the device's memory that this process may take, 1 by default. ValueError outside 0 to 1.
NPU_API void set_memory_fraction(double fraction, DeviceIndex device);
NPU_API double memory_fraction(DeviceIndex device);
// The device that an address of ours lies on, or -1.
NPU_API DeviceIndex device_of(const void* ptr);

// The syntax of PYTORCH_NPU_ALLOC_CONF: `key:value,...`. ValueError names an unknown key or a bad value.
NPU_API void set_settings(const std::string& settings);
NPU_API std::string settings();

}  // namespace npu::NPUCachingAllocator
