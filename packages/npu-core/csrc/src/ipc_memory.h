// SPDX-License-Identifier: BSD-3-Clause
// Names of device memory for other processes of this machine.
//
// A whole allocation has a key of CANN's. An expandable segment consists of pieces that were mapped one by
// one: its name are CANN's handles of the pieces under the memory, and who imports them maps them side by
// side.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "npu/core/NPUFunctions.h"
#include "npu/core/cann.h"
#include "pool_backend.h"

namespace npu {

// Memory that others may import, as long as this lives.
class ExportedMemory {
 public:
  // NotImplementedError if this CANN cannot share such memory.
  explicit ExportedMemory(const ShareableMemory& memory);
  ~ExportedMemory();
  ExportedMemory(const ExportedMemory&) = delete;  // closes the key once

  const std::string& key() const { return key_; }
  char* base() const { return base_; }

 private:
  std::string key_;
  char* base_;
  bool whole_;
};

// Memory of another process; unmapped when this ends.
class ImportedMemory {
 public:
  ImportedMemory(const std::string& key, DeviceIndex device);
  ~ImportedMemory();
  ImportedMemory(const ImportedMemory&) = delete;  // closes the key once

  char* base() const { return base_; }
  DeviceIndex device() const { return device_; }

 private:
  void map_pieces();
  void unmap_pieces() noexcept;

  const std::string key_;
  const DeviceIndex device_;
  char* base_ = nullptr;
  size_t granule_ = 0;                      // 0: a whole allocation
  std::vector<uint64_t> names_;             // of the pieces
  std::vector<aclrtDrvMemHandle> handles_;  // of those that are mapped
};

}  // namespace npu
