#include "npu_sim/ipc.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

#include "npu_sim/context.h"
#include "npu_sim/device.h"
#include "npu_sim/error.h"
#include "npu_sim/machine.h"
#include "npu_sim/memory.h"
#include "npu_sim/virtual_memory.h"

namespace npu_sim {

enum class Shared : uint32_t { memory = 1, event = 2 };

struct alignas(64) SharedPoint::Entry {
  std::atomic<uint64_t> nonce;  // 0: free
  Shared kind;
  int32_t device;  // as the machine numbers it
  int32_t file;    // of the exporting process
  uint32_t check_pids;
  uint64_t offset, size;
  std::atomic<uint64_t> issued, reached;
  std::array<std::atomic<int32_t>, 32> pids;
};

namespace {

using Entry = SharedPoint::Entry;
constexpr size_t kEntries = 1024;

struct Key {
  int process = 0;
  int file = 0;
  unsigned index = 0;
  uint64_t nonce = 0;
};

struct Imported {
  void* address;
};

struct Ipc {
  std::mutex mutex;
  int file = -1;
  std::shared_ptr<void> table;               // of this process
  std::map<std::string, Imported> imported;  // by key
};

Ipc& ipc() {
  static auto* i = new Ipc;
  return *i;
}

Entry* entry_of(const std::shared_ptr<void>& table, unsigned index) {
  return static_cast<Entry*>(table.get()) + index;
}

std::shared_ptr<void> map_table(int file) {
  constexpr size_t kBytes = kEntries * sizeof(Entry);
  void* p = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (p == MAP_FAILED) return nullptr;
  return {p, [](void* q) { munmap(q, kBytes); }};
}

// Under the lock. This process's table, made by the first use.
int own_table(Ipc& i) {
  if (i.table) return 0;
  i.file = memfd_create("npu-sim-ipc", MFD_CLOEXEC);
  if (i.file >= 0 && ftruncate(i.file, kEntries * sizeof(Entry)) == 0) i.table = map_table(i.file);
  if (i.table) return 0;
  return fail(ACL_ERROR_RT_IPC_ERROR,
              std::string("npu-sim cannot make a table to share from: ") + std::strerror(errno));
}

// Takes a free place of this process's table; `fill` writes it before its number does.
template <class Fill>
int take_entry(Fill fill, std::string* key, Entry** taken) {
  Ipc& i = ipc();
  std::lock_guard lock(i.mutex);
  if (int code = own_table(i)) return code;
  for (unsigned index = 0; index < kEntries; ++index) {
    Entry* e = entry_of(i.table, index);
    if (e->nonce.load()) continue;
    uint64_t nonce = 0;
    while (nonce == 0)
      if (getrandom(&nonce, sizeof nonce, 0) != sizeof nonce) nonce = 0;
    e->issued.store(0);
    e->reached.store(0);
    for (auto& pid : e->pids) pid.store(0);
    fill(*e);
    e->nonce.store(nonce, std::memory_order_release);
    char text[kIpcKeySize];
    std::snprintf(text, sizeof text, "npu-sim:%d:%d:%u:%016llx", static_cast<int>(getpid()), i.file, index,
                  static_cast<unsigned long long>(nonce));
    *key = text;
    *taken = e;
    return 0;
  }
  return fail(ACL_ERROR_RT_RESOURCE_ALLOC_FAIL,
              "a process shares " + std::to_string(kEntries) + " allocations and events at most: close some");
}

int unknown_key() {
  return fail(
      ACL_ERROR_RT_PARAM_INVALID,
      "the key names nothing that is shared: it was closed, or its process ended, or is not of this machine");
}

Entry* unknown_entry() {
  unknown_key();
  return nullptr;
}

bool parse(const std::string& text, Key* key) {
  unsigned long long nonce = 0;
  if (std::sscanf(text.c_str(), "npu-sim:%d:%d:%u:%16llx", &key->process, &key->file, &key->index, &nonce) !=
      4)
    return false;
  key->nonce = nonce;
  return nonce != 0 && key->index < kEntries;
}

// The living entry of a key, in a table of any process; null, with a message, if it names none.
Entry* find_entry(const std::string& text, Shared kind, Key* key, std::shared_ptr<void>* table) {
  if (!parse(text, key)) return unknown_entry();
  if (key->process == getpid()) {
    Ipc& i = ipc();
    std::lock_guard lock(i.mutex);
    if (key->file == i.file) *table = i.table;
  } else {
    const std::string path = "/proc/" + std::to_string(key->process) + "/fd/" + std::to_string(key->file);
    char target[64] = {};
    // Only such a table is opened, whatever the text says.
    const bool known =
        readlink(path.c_str(), target, sizeof target - 1) > 0 && std::strstr(target, "memfd:npu-sim-ipc");
    const int file = known ? open(path.c_str(), O_RDWR | O_CLOEXEC) : -1;
    if (file >= 0) {
      *table = map_table(file);
      close(file);
    }
  }
  if (!*table) return unknown_entry();
  Entry* entry = entry_of(*table, key->index);
  const bool lives = entry->nonce.load(std::memory_order_acquire) == key->nonce && entry->kind == kind;
  return lives ? entry : unknown_entry();
}

int require_permission(const Entry& e, const Key& key) {
  if (!e.check_pids || key.process == getpid()) return 0;
  for (const auto& pid : e.pids)
    if (pid.load() == getpid()) return 0;
  return fail(ACL_ERROR_RT_NO_PERMISSION,
              "process " + std::to_string(getpid()) +
                  " may not import the memory: the exporting one must name it with aclrtIpcMemSetImportPid");
}

// The user's device on which the memory lies; -1 if this process does not see it.
int user_device(int physical) {
  for (int id = 0; id < device_count(); ++id)
    if (Device* d = opened_device(id); d && d->physical_id == physical) return id;
  return -1;
}

}  // namespace

int export_memory(const void* p, uint64_t size, bool check_pids, std::string* key) {
  MemoryPlace place;
  if (int code = locate(p, size, &place)) return code;
  Entry* entry = nullptr;
  auto fill = [&](Entry& e) {
    e.kind = Shared::memory;
    e.device = place.physical_device;
    e.file = place.file;
    e.check_pids = check_pids;
    e.offset = place.offset;
    e.size = size;
  };
  return take_entry(fill, key, &entry);
}

int allow_import(const std::string& text, const int32_t* pids, size_t n) {
  Key key;
  std::shared_ptr<void> table;
  Entry* entry = find_entry(text, Shared::memory, &key, &table);
  if (!entry) return ACL_ERROR_RT_PARAM_INVALID;
  if (key.process != getpid())
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "only the process that exported the memory says who may import it");
  for (size_t i = 0; i < n; ++i) {
    bool known = false;
    for (auto& slot : entry->pids) {
      int32_t none = 0;
      known = slot.load() == pids[i] || slot.compare_exchange_strong(none, pids[i]);
      if (known) break;
    }
    if (!known)
      return fail(ACL_ERROR_RT_OVER_LIMIT,
                  "a key takes " + std::to_string(entry->pids.size()) + " processes at most");
  }
  return 0;
}

int import_memory(const std::string& text, bool peer_access, void** address) {
  std::shared_ptr<Context> context;
  if (int code = require_context(&context)) return code;
  Key key;
  std::shared_ptr<void> table;
  Entry* entry = find_entry(text, Shared::memory, &key, &table);
  if (!entry) return ACL_ERROR_RT_PARAM_INVALID;
  if (int code = require_permission(*entry, key)) return code;
  const int device = user_device(entry->device);
  Ipc& i = ipc();
  std::lock_guard lock(i.mutex);
  if (i.imported.count(text))
    return fail(ACL_ERROR_RT_PARAM_INVALID, "this process has imported the key already: close it first");
  const std::string path = "/proc/" + std::to_string(key.process) + "/fd/" + std::to_string(entry->file);
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return unknown_key();
  Device* of = device >= 0 ? opened_device(device) : &context->device;
  if (int code = map_foreign(*of, file, entry->offset, entry->size, address)) return code;
  if (peer_access && of != &context->device) context->device.peers.fetch_or(1ULL << of->id);
  i.imported[text] = {*address};
  return 0;
}

int close_memory(const std::string& text) {
  Ipc& i = ipc();
  {
    std::lock_guard lock(i.mutex);
    if (auto it = i.imported.find(text); it != i.imported.end()) {
      const int code = unmap_foreign(it->second.address);
      i.imported.erase(it);
      return code;
    }
  }
  Key key;
  std::shared_ptr<void> table;
  Entry* entry = find_entry(text, Shared::memory, &key, &table);
  if (!entry) return ACL_ERROR_RT_PARAM_INVALID;
  if (key.process != getpid())
    return fail(ACL_ERROR_RT_PARAM_INVALID, "this process neither exported nor imported the key");
  entry->nonce.store(0);
  return 0;
}

SharedPoint::SharedPoint(Entry* entry, std::shared_ptr<void> table, std::string key, bool own)
    : entry_(entry), table_(std::move(table)), key_(std::move(key)), own_(own) {}

SharedPoint::~SharedPoint() {
  if (own_) entry_->nonce.store(0);
}

int SharedPoint::create(std::shared_ptr<SharedPoint>* point) {
  std::string key;
  Entry* entry = nullptr;
  if (int code = take_entry([](Entry& e) { e.kind = Shared::event; }, &key, &entry)) return code;
  *point = std::make_shared<SharedPoint>(entry, ipc().table, std::move(key), true);
  return 0;
}

int SharedPoint::open(const std::string& text, std::shared_ptr<SharedPoint>* point) {
  Key key;
  std::shared_ptr<void> table;
  Entry* entry = find_entry(text, Shared::event, &key, &table);
  if (!entry) return ACL_ERROR_RT_PARAM_INVALID;
  *point = std::make_shared<SharedPoint>(entry, std::move(table), text, false);
  return 0;
}

uint64_t SharedPoint::issue() { return entry_->issued.fetch_add(1) + 1; }

uint64_t SharedPoint::issued() const { return entry_->issued.load(); }

void SharedPoint::reach(uint64_t record) {
  uint64_t seen = entry_->reached.load();
  while (seen < record && !entry_->reached.compare_exchange_weak(seen, record)) continue;
}

bool SharedPoint::reached(uint64_t record) const { return entry_->reached.load() >= record; }

}  // namespace npu_sim
