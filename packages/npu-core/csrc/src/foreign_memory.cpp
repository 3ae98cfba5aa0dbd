// SPDX-License-Identifier: BSD-3-Clause
#include "foreign_memory.h"

#include <map>
#include <mutex>
#include <string_view>

namespace npu {
namespace {

struct Foreign {
  std::mutex mutex;  // a leaf: no other lock is taken under it
  std::map<std::pair<int, std::string_view>, int64_t> bytes;
};

Foreign& noted() {
  static auto* it = new Foreign;  // plugins end communicators while the process exits
  return *it;
}

}  // namespace

void note_foreign_memory(const char* what, int device, int64_t nbytes) {
  std::lock_guard lock(noted().mutex);
  noted().bytes[{device, what}] += nbytes;
}

std::vector<std::pair<std::string, size_t>> foreign_memory(int device) {
  std::lock_guard lock(noted().mutex);
  std::vector<std::pair<std::string, size_t>> found;
  for (const auto& [key, bytes] : noted().bytes)
    if (key.first == device && bytes > 0) found.emplace_back(key.second, static_cast<size_t>(bytes));
  return found;
}

}  // namespace npu
