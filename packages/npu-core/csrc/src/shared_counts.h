// SPDX-License-Identifier: BSD-3-Clause
// Counters that processes share, in files without a name: they are opened through /proc, and gone with the
// last process that uses them, however it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace npu {

// A mapped file of counters. The first number is not a counter: it tells this file from another process's.
struct CountFile {
  static constexpr uint64_t kPlaces = 4096;
  int64_t process = 0, file = 0;
  std::atomic<uint64_t>* numbers = nullptr;

  CountFile() = default;
  CountFile(const CountFile&) = delete;  // owns the mapping
  ~CountFile();
  uint64_t nonce() const { return numbers[0].load(std::memory_order_relaxed); }
  // Takes one from a counter that is not 0: a message that is read twice counts once.
  void give_back(uint64_t place) noexcept;
};

// One counter of this process's own, 0 at first.
class OwnCount {
 public:
  OwnCount();  // RuntimeError if the system has no memory for it
  ~OwnCount();
  OwnCount(const OwnCount&) = delete;  // owns a place
  std::atomic<uint64_t>& value() const { return file_->numbers[place_]; }
  const CountFile& file() const { return *file_; }
  uint64_t place() const { return place_; }

 private:
  std::shared_ptr<CountFile> file_;
  uint64_t place_ = 0;
};

// The file of counters of another process, or of this one. RuntimeError if that process has ended.
std::shared_ptr<CountFile> open_counts(int64_t process, int64_t file, uint64_t nonce);

}  // namespace npu
