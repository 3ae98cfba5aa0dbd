#include "npu_sim/virtual_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>

#include "address_space.h"
#include "npu_sim/error.h"
#include "npu_sim/handle_table.h"
#include "npu_sim/machine.h"
#include "npu_sim/memory.h"
#include "npu_sim/watch.h"

namespace npu_sim {
namespace {

// Pages of a device's file. They return to the device when neither a handle nor a mapping is left.
class Physical {
 public:
  Physical(Device& device, DeviceBlock block, uint64_t size)
      : device(device),
        size(size),
        file(device.memory.file()),
        offset(device.memory.offset(block.address())),
        block_(std::move(block)) {}
  // Pages of another process's device, through its open `file`.
  Physical(Device& device, int file, uint64_t offset, uint64_t size)
      : device(device), size(size), file(file), offset(offset) {}
  Physical(const Physical&) = delete;  // owns pages or a file
  ~Physical() {
    if (imported()) close(file);
  }

  Device& device;
  const uint64_t size;
  const int file;
  const uint64_t offset;
  bool imported() const { return !block_.address(); }

 private:
  DeviceBlock block_;
};

struct Mapping {
  uint64_t size;
  std::shared_ptr<Physical> memory;
  uint64_t foreign = 0;  // bytes reserved and mapped for memory of another process, by its key
};

struct VirtualMemory {
  std::shared_mutex mutex;
  Heap reserved{address_layout.virtual_size};
  std::map<uint64_t, Mapping> mappings;  // by offset in the virtual range
};

VirtualMemory& space() {
  static auto* s = new VirtualMemory;
  return *s;
}

HandleTable<Physical>& handles() {
  static auto* table = new HandleTable<Physical>(4);
  return *table;
}

std::optional<uint64_t> virtual_offset(const void* p) {
  uint64_t offset = static_cast<uint64_t>(static_cast<const char*>(p) - address_layout.virtual_base);
  return address_layout.virtual_base && offset < address_layout.virtual_size ? std::optional(offset)
                                                                             : std::nullopt;
}

int not_reserved() {
  return fail(ACL_ERROR_RT_PARAM_INVALID,
              "the address was not reserved by aclrtReserveMemAddress, or was released");
}

int unknown_handle() {
  return fail(ACL_ERROR_RT_INVALID_HANDLE,
              "the handle names no physical memory: it was freed or never allocated");
}

}  // namespace

int reserve_address(void** address, uint64_t size) {
  if (int code = start_machine()) return code;
  VirtualMemory& s = space();
  std::unique_lock lock(s.mutex);
  auto offset = s.reserved.allocate(size, kHugePage);
  if (!offset)
    return fail(ACL_ERROR_RT_MEMORY_ALLOCATION,
                "no free range of " + std::to_string(size) +
                    " device addresses is left: " + std::to_string(s.reserved.used()) + " of " +
                    std::to_string(s.reserved.size()) + " are reserved");
  *address = address_layout.virtual_base + *offset;
  return 0;
}

int release_address(void* address) {
  auto offset = virtual_offset(address);
  if (!offset) return not_reserved();
  VirtualMemory& s = space();
  std::unique_lock lock(s.mutex);
  auto block = s.reserved.find(*offset);
  if (!block || block->offset != *offset) return not_reserved();
  auto it = s.mappings.lower_bound(*offset);
  if (it != s.mappings.end() && it->first < block->offset + block->size)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "memory is still mapped in the range: call aclrtUnmapMem first");
  Heap::Block merged{};
  s.reserved.release(*offset, &merged);
  return 0;
}

int allocate_physical(int device, uint64_t size, aclrtDrvMemHandle* handle) {
  Device* d = nullptr;
  if (int code = open_device(device, &d)) return code;
  DeviceBlock block;
  if (!allocation_fails()) block = DeviceBlock(d->memory, size, kHugePage);
  if (!block.address())
    return fail(ACL_ERROR_RT_MEMORY_ALLOCATION,
                "npu:" + std::to_string(device) + " has no " + std::to_string(size) +
                    " bytes left: " + std::to_string(d->memory.used()) + " of " +
                    std::to_string(d->memory.total()) + " are in use");
  *handle = handles().insert(std::make_shared<Physical>(*d, std::move(block), size));
  return 0;
}

int free_physical(aclrtDrvMemHandle handle) { return handles().remove(handle) ? 0 : unknown_handle(); }

int map_memory(void* address, uint64_t size, aclrtDrvMemHandle handle) {
  auto memory = handles().find(handle);
  if (!memory) return unknown_handle();
  if (size != memory->size)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "the whole of the physical memory is mapped at once: it has " +
                                                std::to_string(memory->size) + " bytes, found " +
                                                std::to_string(size));
  auto offset = virtual_offset(address);
  if (!offset) return not_reserved();
  VirtualMemory& s = space();
  std::unique_lock lock(s.mutex);
  auto block = s.reserved.find(*offset);
  if (!block || size > block->offset + block->size - *offset) return not_reserved();
  auto next = s.mappings.lower_bound(*offset);
  bool taken = next != s.mappings.end() && next->first < *offset + size;
  if (next != s.mappings.begin()) {
    auto before = std::prev(next);
    taken = taken || before->first + before->second.size > *offset;
  }
  if (taken)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "memory is mapped there already: call aclrtUnmapMem first");
  void* p = mmap(shadow(address), size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                 memory->file, static_cast<off_t>(memory->offset));
  if (p == MAP_FAILED)
    return fail(ACL_ERROR_RT_DRV_INTERNAL_ERROR,
                std::string("the host cannot map the memory: ") + std::strerror(errno));
  madvise(p, size, MADV_DONTFORK);
  s.mappings.emplace(*offset, Mapping{size, std::move(memory), 0});
  return 0;
}

int unmap_memory(void* address) {
  auto offset = virtual_offset(address);
  if (!offset) return not_reserved();
  VirtualMemory& s = space();
  std::unique_lock lock(s.mutex);
  auto it = s.mappings.find(*offset);
  if (it == s.mappings.end())
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "no mapping starts at the address: it was unmapped or never mapped");
  if (it->second.foreign)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "the address was imported by a key: call aclrtIpcMemClose");
  (void)mmap(shadow(address), it->second.size, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  s.mappings.erase(it);
  return 0;
}

// process (22 bits) | file (12) | first page (15) | pages (15), pages of 2 MiB of a device of at most 64 GiB.
int export_physical(aclrtDrvMemHandle handle, uint64_t* shareable) {
  auto memory = handles().find(handle);
  if (!memory) return unknown_handle();
  if (memory->imported())
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "imported memory cannot be exported again");
  uint64_t first = memory->offset / kHugePage, pages = memory->size / kHugePage;
  uint64_t process = static_cast<uint64_t>(getpid()), file = static_cast<uint64_t>(memory->file);
  if (process >> 22 || file >> 12 || first >> 15 || pages >> 15)
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                "npu-sim exports memory of the first 64 GiB of a device only: set a smaller NPU_SIM_HBM");
  *shareable = process << 42 | file << 30 | first << 15 | pages;
  return 0;
}

int exporter_of(uint64_t shareable) { return static_cast<int>(shareable >> 42); }

int import_physical(uint64_t shareable, int device, aclrtDrvMemHandle* handle) {
  Device* d = nullptr;
  if (int code = open_device(device, &d)) return code;
  uint64_t pages = shareable & 0x7fff, first = (shareable >> 15) & 0x7fff;
  std::string path =
      "/proc/" + std::to_string(exporter_of(shareable)) + "/fd/" + std::to_string((shareable >> 30) & 0xfff);
  char target[64] = {};
  // Only a device's file is opened, whatever number it was given.
  bool known = readlink(path.c_str(), target, sizeof target - 1) > 0 && std::strstr(target, "memfd:npu-sim");
  int file = known && pages ? open(path.c_str(), O_RDWR | O_CLOEXEC) : -1;
  if (file < 0)
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "the shareable handle names no memory of a live process: it must come from "
                "aclrtMemExportToShareableHandle in a process of this user and machine that still runs");
  *handle = handles().insert(std::make_shared<Physical>(*d, file, first * kHugePage, pages * kHugePage));
  return 0;
}

int locate(const void* p, uint64_t nbytes, MemoryPlace* place) {
  int id = -1;
  if (nbytes == 0 || !owns(p, nbytes, &id))
    return fail(ACL_ERROR_RT_PARAM_INVALID, "the memory must be " + std::to_string(nbytes) +
                                                " bytes inside one live allocation of a device");
  Device& device = *opened_device(id);
  auto at = virtual_offset(p);
  if (!at) {
    *place = {device.memory.file(), device.memory.offset(p), device.physical_id};
    return 0;
  }
  VirtualMemory& s = space();
  std::shared_lock lock(s.mutex);
  auto it = std::prev(s.mappings.upper_bound(*at));
  if (*at - it->first > it->second.size - std::min(nbytes, it->second.size))
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                "the memory lies across several mappings, which no single key can name");
  *place = {it->second.memory->file, it->second.memory->offset + (*at - it->first), device.physical_id};
  return 0;
}

int map_foreign(Device& device, int file, uint64_t offset, uint64_t size, void** address) {
  auto memory = std::make_shared<Physical>(device, file, offset, size);
  const uint64_t first = offset / kPage * kPage, skip = offset - first;
  const uint64_t bytes = (skip + size + kPage - 1) / kPage * kPage;
  if (int code = reserve_address(address, (bytes + kHugePage - 1) / kHugePage * kHugePage)) return code;
  void* p = mmap(shadow(*address), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                 file, static_cast<off_t>(first));
  if (p == MAP_FAILED) {
    release_address(*address);
    return fail(ACL_ERROR_RT_DRV_INTERNAL_ERROR,
                std::string("the host cannot map the memory: ") + std::strerror(errno));
  }
  madvise(p, bytes, MADV_DONTFORK);
  VirtualMemory& s = space();
  std::unique_lock lock(s.mutex);
  s.mappings.emplace(*virtual_offset(*address) + skip, Mapping{size, std::move(memory), bytes});
  *address = static_cast<char*>(*address) + skip;
  return 0;
}

int unmap_foreign(void* address) {
  VirtualMemory& s = space();
  auto at = virtual_offset(address);
  void* begin = nullptr;
  {
    std::unique_lock lock(s.mutex);
    auto it = at ? s.mappings.find(*at) : s.mappings.end();
    if (it == s.mappings.end() || !it->second.foreign) return not_reserved();
    begin = address_layout.virtual_base + s.reserved.find(*at)->offset;
    (void)mmap(shadow(begin), it->second.foreign, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    s.mappings.erase(it);
  }
  return release_address(begin);
}

bool owns_mapped(const void* p, uint64_t nbytes, int* device) {
  auto offset = virtual_offset(p);
  if (!offset) return false;
  VirtualMemory& s = space();
  std::shared_lock lock(s.mutex);
  auto it = s.mappings.upper_bound(*offset);
  if (it == s.mappings.begin()) return false;
  --it;
  int id = it->second.memory->device.id;
  uint64_t end = *offset + nbytes;
  // A tensor may lie across several blocks, mapped side by side.
  for (uint64_t at = *offset; it != s.mappings.end() && it->first <= at; ++it) {
    if (at - it->first >= it->second.size && at != end) return false;
    if (it->second.memory->device.id != id) return false;
    at = it->first + it->second.size;
    if (at >= end) {
      if (device) *device = id;
      return true;
    }
  }
  return false;
}

}  // namespace npu_sim
