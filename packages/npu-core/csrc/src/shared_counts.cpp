// SPDX-License-Identifier: BSD-3-Clause
#include "shared_counts.h"

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace npu {

namespace {

constexpr size_t kBytes = CountFile::kPlaces * sizeof(uint64_t);

struct Counts {
  std::mutex mutex;
  std::vector<std::pair<std::shared_ptr<CountFile>, uint64_t>> free;
  std::map<uint64_t, std::weak_ptr<CountFile>> opened;  // by nonce
};

Counts& counts() {
  static auto* all = new Counts;
  return *all;
}

bool map_file(CountFile& f, int descriptor) {
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return false;
  f.numbers = static_cast<std::atomic<uint64_t>*>(memory);
  return true;
}

// Its descriptor stays open as long as the process: receivers open it when they read their message.
std::shared_ptr<CountFile> make_file() {
  auto f = std::make_shared<CountFile>();
  const int descriptor = memfd_create("npu-ipc", MFD_CLOEXEC);
  TORCH_CHECK(descriptor >= 0 && ftruncate(descriptor, kBytes) == 0 && map_file(*f, descriptor),
              "no shared memory to count the users of a shared tensor: ", std::strerror(errno));
  f->process = getpid();
  f->file = descriptor;
  uint64_t nonce = 0;
  while (nonce == 0) {
    if (getrandom(&nonce, sizeof nonce, 0) != sizeof nonce) nonce = 0;
  }
  f->numbers[0].store(nonce);
  return f;
}

}  // namespace

CountFile::~CountFile() {
  if (numbers) munmap(numbers, kBytes);
}

void CountFile::give_back(uint64_t place) noexcept {
  std::atomic<uint64_t>& number = numbers[place];
  uint64_t now = number.load(std::memory_order_relaxed);
  while (now > 0 && !number.compare_exchange_weak(now, now - 1, std::memory_order_acq_rel)) continue;
}

OwnCount::OwnCount() {
  Counts& all = counts();
  std::lock_guard lock(all.mutex);
  if (all.free.empty()) {
    const auto fresh = make_file();
    all.opened[fresh->nonce()] = fresh;
    for (uint64_t place = CountFile::kPlaces - 1; place > 0; --place) all.free.emplace_back(fresh, place);
  }
  std::tie(file_, place_) = std::move(all.free.back());
  all.free.pop_back();
  value().store(0);
}

OwnCount::~OwnCount() {
  Counts& all = counts();
  std::lock_guard lock(all.mutex);
  all.free.emplace_back(std::move(file_), place_);
}

std::shared_ptr<CountFile> open_counts(int64_t process, int64_t file, uint64_t nonce) {
  Counts& all = counts();
  std::lock_guard lock(all.mutex);
  auto& known = all.opened[nonce];
  if (auto f = known.lock()) return f;
  auto f = std::make_shared<CountFile>();
  const std::string path = "/proc/" + std::to_string(process) + "/fd/" + std::to_string(file);
  char target[64] = {};
  // Only such a file is opened, whatever the message says.
  const bool ours =
      readlink(path.c_str(), target, sizeof target - 1) > 0 && std::strstr(target, "memfd:npu-ipc");
  const int descriptor = ours ? open(path.c_str(), O_RDWR | O_CLOEXEC) : -1;
  const bool mapped = descriptor >= 0 && map_file(*f, descriptor);
  if (descriptor >= 0) close(descriptor);
  TORCH_CHECK(
      mapped && f->nonce() == nonce, "the process ", process,
      " that sent this npu tensor has ended, or is hidden from this one: it must live until the tensor "
      "was received and is not used any more");
  f->process = process;
  f->file = file;
  known = f;
  return f;
}

}  // namespace npu
