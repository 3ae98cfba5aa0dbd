// SPDX-License-Identifier: BSD-3-Clause
// Device memory and events shared with other processes of this user, on this machine, by a text.
//
// A process keeps what it shares in a table in a memfd, and a key names process, file, place and a random
// number: so nothing has a name that could stay behind, and a key of a process that ended names nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "npu_sim/api.h"

namespace npu_sim {

// Bytes of a key at most, the ending zero included.
constexpr size_t kIpcKeySize = 64;

// Each answers an aclError, with its message.
// With `check_pids`, only processes that `allow_import` named may import.
NPU_SIM_API int export_memory(const void* p, uint64_t size, bool check_pids, std::string* key);
NPU_SIM_API int allow_import(const std::string& key, const int32_t* pids, size_t n);
// The memory at an address of this process's own.
NPU_SIM_API int import_memory(const std::string& key, bool peer_access, void** address);
// In the process that imported: the address is gone. In the one that exported: the key names nothing.
NPU_SIM_API int close_memory(const std::string& key);

// Numbers of the records of an event that several processes use: the latest that was issued, and the latest
// that a stream reached.
class NPU_SIM_API SharedPoint {
 public:
  static int create(std::shared_ptr<SharedPoint>* point);
  static int open(const std::string& key, std::shared_ptr<SharedPoint>* point);

  struct Entry;
  SharedPoint(Entry* entry, std::shared_ptr<void> table, std::string key, bool own);
  SharedPoint(const SharedPoint&) = delete;  // owns a place in a table
  ~SharedPoint();

  const std::string& key() const { return key_; }
  uint64_t issue();
  uint64_t issued() const;
  void reach(uint64_t record);
  bool reached(uint64_t record) const;

 private:
  Entry* const entry_;
  const std::shared_ptr<void> table_;  // keeps the mapping
  const std::string key_;
  const bool own_;
};

}  // namespace npu_sim
