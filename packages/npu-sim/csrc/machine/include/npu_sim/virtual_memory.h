// SPDX-License-Identifier: BSD-3-Clause
// Device addresses reserved apart from the memory behind them: aclrtReserveMemAddress and its kin.
#pragma once

#include <cstdint>
#include <memory>

#include "npu/cann/acl_types.h"
#include "npu_sim/api.h"

namespace npu_sim {

class Device;

// Each answers an aclError, with its message set. Sizes are multiples of kHugePage.
NPU_SIM_API int reserve_address(void** address, uint64_t size);
NPU_SIM_API int release_address(void* address);
NPU_SIM_API int allocate_physical(int device, uint64_t size, aclrtDrvMemHandle* handle);
// The memory goes back to the device when no mapping holds it either.
NPU_SIM_API int free_physical(aclrtDrvMemHandle handle);
NPU_SIM_API int map_memory(void* address, uint64_t size, aclrtDrvMemHandle handle);
NPU_SIM_API int unmap_memory(void* address);

// A number by which another process of this user, on this machine, reaches the same memory.
NPU_SIM_API int export_physical(aclrtDrvMemHandle handle, uint64_t* shareable);
// The process that exported it.
NPU_SIM_API int exporter_of(uint64_t shareable);
NPU_SIM_API int import_physical(uint64_t shareable, int device, aclrtDrvMemHandle* handle);

// Where memory of this process's devices lies in a file.
struct MemoryPlace {
  int file = -1;
  uint64_t offset = 0;
  int physical_device = -1;
};
// Refuses, with a message, what is not one live allocation of a device, or one mapping.
int locate(const void* p, uint64_t nbytes, MemoryPlace* place);
// Maps a part of a file of another process's device at an address of this one's. Takes `file`, also when it
// fails.
int map_foreign(Device& device, int file, uint64_t offset, uint64_t size, void** address);
int unmap_foreign(void* address);

// Whether mapped memory of one device covers the range.
bool owns_mapped(const void* p, uint64_t nbytes, int* device);

}  // namespace npu_sim
