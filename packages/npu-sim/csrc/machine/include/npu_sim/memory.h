// SPDX-License-Identifier: BSD-3-Clause
// Device memory as kernels see it.
//
// Device addresses lie in one PROT_NONE range; the same pages are readable and writable at a constant
// distance above it, the shadow. Only the simulator's own code goes through the shadow: whoever else touches
// a device address gets SIGSEGV, as on a machine whose host cannot see device memory.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "npu_sim/api.h"

namespace npu_sim {

// The range of all device addresses, and the distance to its shadow. Zero before the first device is in use.
struct AddressRange {
  uintptr_t begin = 0;
  uintptr_t size = 0;
  uintptr_t shadow = 0;
};
extern NPU_SIM_API AddressRange address_range;

// Whether `p` is a device address, allocated or not.
inline bool is_device_address(const void* p) {
  return reinterpret_cast<uintptr_t>(p) - address_range.begin < address_range.size;
}

// Where the simulator reads and writes what `p` names: the shadow of a device address, any other one itself.
template <class T>
T* shadow(T* p) {
  return is_device_address(p) ? std::bit_cast<T*>(std::bit_cast<uintptr_t>(p) + address_range.shadow) : p;
}

// Whether the `nbytes` bytes at `p` lie inside one live allocation of a device, or inside mapped virtual
// memory. Sets `device` (may be null) to the user's number of the device whose memory it is.
NPU_SIM_API bool owns(const void* p, size_t nbytes, int* device);

// Whether the `nbytes` bytes at `p` lie inside page-locked host memory of aclrtMallocHost or
// aclrtHostRegister.
NPU_SIM_API bool is_pinned(const void* p, size_t nbytes);

}  // namespace npu_sim
