#include "address_space.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "npu_sim/error.h"
#include "npu_sim/memory.h"

namespace npu_sim {

AddressRange address_range;
AddressLayout address_layout;

int reserve_address_space(int devices, uint64_t bytes) {
  constexpr uint64_t kGiB = 1ULL << 30;
  uint64_t stride = (bytes + kGiB - 1) / kGiB * kGiB;
  uint64_t in_devices = stride * static_cast<uint64_t>(devices);
  // Expandable segments reserve a device's whole memory for each stream and pool: room for many, fewer where
  // the host's address space is small.
  for (uint64_t in_virtual = in_devices * 32;; in_virtual /= 2) {
    uint64_t size = in_devices + in_virtual;
    void* p = mmap(nullptr, size * 2 + kGiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED && in_virtual >= stride) continue;
    if (p == MAP_FAILED)
      return fail(ACL_ERROR_RT_RESOURCE_ALLOC_FAIL, "npu-sim cannot reserve " + std::to_string(size * 2) +
                                                        " bytes of address space: " + std::strerror(errno) +
                                                        "; set a smaller NPU_SIM_HBM");
    madvise(p, size * 2, MADV_DONTDUMP);
    // Aligned, so that an offset that suits a page size makes an address that does.
    uintptr_t begin = (reinterpret_cast<uintptr_t>(p) + kGiB - 1) / kGiB * kGiB;
    address_layout = {devices, stride, std::bit_cast<char*>(begin + in_devices), in_virtual};
    address_range = {begin, size, size};
    return 0;
  }
}

}  // namespace npu_sim
