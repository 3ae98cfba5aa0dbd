// SPDX-License-Identifier: BSD-3-Clause
#include "ipc_memory.h"

#include <c10/util/Exception.h>

#include <cstring>

#include "npu/core/error.h"
#include "npu/core/launch_queue.h"
#include "process.h"

namespace npu {

namespace {

constexpr size_t kKeyBytes = 65;  // what CANN writes at most, with its zero

// The name of pieces: a zero, which no key of CANN's begins with, the bytes of each, their handles.
constexpr size_t kHead = 1 + sizeof(uint64_t);

std::string pieces_name(const ShareableMemory& memory) {
  const uint64_t granule = memory.granule;
  std::string name(kHead + memory.pieces.size() * sizeof(uint64_t), '\0');
  std::memcpy(name.data() + 1, &granule, sizeof granule);
  std::memcpy(name.data() + kHead, memory.pieces.data(), memory.pieces.size() * sizeof(uint64_t));
  return name;
}

std::string whole_key(const ShareableMemory& memory) {
  char key[kKeyBytes] = {};
  // Which process will read the message is not known here.
  NPU_CHECK(cann().aclrtIpcMemGetExportKey(memory.base, memory.nbytes, key, sizeof key,
                                           ACL_RT_IPC_MEM_EXPORT_FLAG_DISABLE_PID_VALIDATION));
  return {key, strnlen(key, sizeof key)};
}

}  // namespace

ExportedMemory::ExportedMemory(const ShareableMemory& memory)
    : base_(memory.base), whole_(memory.granule == 0) {
  const Cann& c = cann();
  TORCH_CHECK_NOT_IMPLEMENTED(
      whole_ ? c.has_aclrtIpcMemGetExportKey && c.has_aclrtIpcMemImportByKey
             : c.has_aclrtMemExportToShareableHandle && c.has_aclrtMemImportFromShareableHandle,
      "sharing tensors between processes needs ",
      whole_ ? "aclrtIpcMemGetExportKey"
             : "aclrtMemExportToShareableHandle, since their segment is expandable",
      ", which this CANN lacks: send x.cpu()");
  key_ = whole_ ? whole_key(memory) : pieces_name(memory);
}

ExportedMemory::~ExportedMemory() {
  // The handles of pieces end with the pieces.
  if (whole_ && !detail::cann_closed() && !in_bad_fork())
    NPU_CHECK_WARN(cann().aclrtIpcMemClose(key_.c_str()));
}

ImportedMemory::ImportedMemory(const std::string& key, DeviceIndex device) : key_(key), device_(device) {
  if (key.empty() || key[0] != '\0') {
    void* base = nullptr;
    NPU_CHECK(
        cann().aclrtIpcMemImportByKey(&base, key.c_str(), ACL_RT_IPC_MEM_IMPORT_FLAG_ENABLE_PEER_ACCESS));
    base_ = static_cast<char*>(base);
    return;
  }
  TORCH_CHECK_VALUE(key.size() > kHead && (key.size() - kHead) % sizeof(uint64_t) == 0,
                    "this is no shared npu tensor");
  uint64_t granule = 0;
  std::memcpy(&granule, key.data() + 1, sizeof granule);
  granule_ = granule;
  names_.resize((key.size() - kHead) / sizeof(uint64_t));
  std::memcpy(names_.data(), key.data() + kHead, key.size() - kHead);
  try {
    map_pieces();
  } catch (...) {
    unmap_pieces();  // no destructor runs for a half-made object
    throw;
  }
}

void ImportedMemory::map_pieces() {
  const Cann& c = cann();
  void* base = nullptr;
  NPU_CHECK(c.aclrtReserveMemAddress(&base, names_.size() * granule_, 0, nullptr, 1));
  base_ = static_cast<char*>(base);
  for (const uint64_t name : names_) {
    aclrtDrvMemHandle handle = nullptr;
    NPU_CHECK(c.aclrtMemImportFromShareableHandle(name, device_, &handle));
    const int code = c.aclrtMapMem(base_ + handles_.size() * granule_, granule_, 0, handle, 0);
    if (code != 0) NPU_CHECK_WARN(c.aclrtFreePhysical(handle));
    NPU_CHECK(code);
    handles_.push_back(handle);
  }
}

void ImportedMemory::unmap_pieces() noexcept {
  const Cann& c = cann();
  for (size_t i = 0; i < handles_.size(); ++i) {
    NPU_CHECK_WARN(c.aclrtUnmapMem(base_ + i * granule_));
    NPU_CHECK_WARN(c.aclrtFreePhysical(handles_[i]));
  }
  if (base_) NPU_CHECK_WARN(c.aclrtReleaseMemAddress(base_));
}

ImportedMemory::~ImportedMemory() {
  if (detail::cann_closed() || in_bad_fork()) return;
  if (granule_)
    unmap_pieces();
  else
    NPU_CHECK_WARN(cann().aclrtIpcMemClose(key_.c_str()));
}

}  // namespace npu
