// SPDX-License-Identifier: BSD-3-Clause
#include "ipc.h"

#include <c10/core/DeviceGuard.h>
#include <c10/util/ScopeExit.h>
#include <c10/util/intrusive_ptr.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "capture.h"
#include "ipc_memory.h"
#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/error.h"
#include "npu/core/launch_queue.h"
#include "pools.h"
#include "process.h"
#include "shared_counts.h"

namespace npu {

namespace {

constexpr int kEvents = 512;  // CANN has few of them: who sends more at once waits instead

using StorageRef = c10::weak_intrusive_ptr<c10::StorageImpl>;

struct Sent {
  c10::DataPtr original;
  std::shared_ptr<ExportedMemory> exported;  // let go under the mutex of Ipc
  OwnCount receivers;
  std::unique_ptr<NPUEvent> event;
};

struct Import {
  std::unique_ptr<ImportedMemory> memory;
  size_t nbytes = 0;
  int users = 0;
};

using Place = std::pair<std::string, uint64_t>;  // a segment's key, and an offset into it

struct Received {
  Place at;
  bool own;  // this process sent it
  DeviceIndex device;
  std::shared_ptr<CountFile> counts;
  uint64_t place;
};

// A storage that is here already, for who receives it again.
struct Known {
  StorageRef storage;
  const Received* context;  // its memory's
};

// The mutex guards everything here and is taken before CANN's locks alone: never while a pool's is held or
// taken, and nothing is destroyed under it that frees memory.
struct Ipc {
  std::mutex mutex;
  // By address and bytes. An expired one is closed: exports end under the mutex, or a new one of the same
  // memory could be closed with the old one's key.
  std::map<std::pair<const char*, size_t>, std::weak_ptr<ExportedMemory>> exports;
  std::vector<std::unique_ptr<Sent>> waiting;        // freed here, used elsewhere
  std::vector<std::unique_ptr<Received>> capturing;  // let go while a graph was captured
  std::map<std::string, Import> imports;
  std::map<Place, Known> received;
  int events = 0;
};

Ipc& ipc() {
  static auto* all = new Ipc;
  return *all;
}

bool gone() { return detail::cann_closed() || in_bad_fork(); }

void destroy(std::unique_ptr<Sent> sent) {
  {
    std::lock_guard lock(ipc().mutex);
    if (sent->event) --ipc().events;
    sent->exported.reset();
  }
  sent.reset();  // frees memory
}

// The deleter of storages that were sent.
void free_sent(void* context) {
  std::unique_ptr<Sent> sent(static_cast<Sent*>(context));
  if (gone()) return static_cast<void>(sent.release());
  if (sent->receivers.value().load(std::memory_order_acquire) == 0) return destroy(std::move(sent));
  std::lock_guard lock(ipc().mutex);
  ipc().waiting.push_back(std::move(sent));
}

void close_import(const std::string& key) {
  Ipc& i = ipc();
  std::lock_guard lock(i.mutex);
  auto it = i.imports.find(key);
  if (it == i.imports.end() || --it->second.users > 0) return;
  i.imports.erase(it);
}

void let_go(std::unique_ptr<Received> received) {
  // Work of any stream may still read it, and the sender hands it on as soon as the counter says so. What
  // failed there is for who waits next.
  if (LaunchQueue* queue = LaunchQueue::started(received->device)) queue->flush();
  bind_device(received->device);
  cann().aclrtSynchronizeDevice();
  if (!received->own) close_import(received->at.first);
  received->counts->give_back(received->place);
}

// Runs while the storage's last owner still holds it weakly: no storage is ever destroyed from here.
void forget(const Received& received) {
  std::lock_guard lock(ipc().mutex);
  auto it = ipc().received.find(received.at);
  if (it != ipc().received.end() && it->second.context == &received) ipc().received.erase(it);
}

// The deleter of storages that were received.
void free_received(void* context) {
  std::unique_ptr<Received> received(static_cast<Received*>(context));
  if (in_bad_fork()) return static_cast<void>(received.release());  // the count is the parent's
  if (detail::cann_closed()) {  // the memory is the sender's: tell it, if nothing else
    received->counts->give_back(received->place);
    return;
  }
  try {
    forget(*received);
    if (!capturing()) return let_go(std::move(received));
    std::lock_guard lock(ipc().mutex);
    ipc().capturing.push_back(std::move(received));
  } catch (const std::exception&) {
    // The device is broken; the sender keeps the memory until it ends.
  }
}

std::shared_ptr<ExportedMemory> export_block(DevicePool& pool, const Block* block) {
  const ShareableMemory memory = pool.shareable(block);  // before the mutex
  Ipc& i = ipc();
  std::lock_guard lock(i.mutex);
  std::erase_if(i.exports, [](const auto& entry) { return entry.second.expired(); });
  auto& known = i.exports[{memory.base, memory.nbytes}];
  if (auto exported = known.lock()) return exported;
  auto exported = std::make_shared<ExportedMemory>(memory);
  known = exported;
  return exported;
}

// The sender's mark for its receivers; "" after waiting for the stream itself.
std::string mark(Sent& sent, const NPUStream& stream, const NPUStream& made_on) {
  if (made_on != stream) synchronize_stream(made_on);
  if (!sent.event && cann().has_aclrtIpcGetEventHandle && cann().has_aclrtIpcOpenEventHandle) {
    Ipc& i = ipc();
    std::lock_guard lock(i.mutex);
    if (i.events < kEvents) {
      ++i.events;
      sent.event = std::make_unique<NPUEvent>(EventKind::kInterprocess);
    }
  }
  if (!sent.event) {
    synchronize_stream(stream);
    return "";
  }
  sent.event->record(stream);
  return sent.event->ipc_handle();
}

// Makes the storage's memory one that is counted, unless it is already.
Sent& sent_of(const c10::Storage& storage, DevicePool& pool) {
  c10::DataPtr& data = storage.mutable_data_ptr();
  if (data.get_deleter() == &free_sent) return *static_cast<Sent*>(data.get_context());
  auto sent = std::make_unique<Sent>();
  sent->exported = export_block(pool, NPUCachingAllocator::block_of(data));
  void* address = data.get();
  const c10::Device device = data.device();
  sent->original = std::exchange(data, c10::DataPtr(address, sent.get(), &free_sent, device));
  return *sent.release();
}

char* import_segment(const SharedStorage& shared) {
  Ipc& i = ipc();
  std::lock_guard lock(i.mutex);
  Import& import = i.imports[shared.key];
  if (import.users == 0) {
    try {
      import.memory = std::make_unique<ImportedMemory>(shared.key, shared.device);
    } catch (...) {
      i.imports.erase(shared.key);
      throw;
    }
  }
  ++import.users;
  import.nbytes = std::max<size_t>(import.nbytes, shared.offset + shared.nbytes);
  return import.memory->base();
}

char* own_segment(const SharedStorage& shared) {
  Ipc& i = ipc();
  std::lock_guard lock(i.mutex);
  for (auto& [memory, known] : i.exports) {
    const auto exported = known.lock();
    if (exported && exported->key() == shared.key) return exported->base();
  }
  TORCH_CHECK(false, "this npu tensor was sent by this process and received before: a message is read once");
}

}  // namespace

SharedStorage share_storage(const c10::Storage& storage) {
  SharedStorage shared;
  shared.device = storage.device().index();
  shared.nbytes = storage.nbytes();
  if (storage.nbytes() == 0) return shared;
  // Queues pickle in threads of their own. Taken without the GIL, before the mutex of Ipc.
  static auto* sending = new std::mutex;
  std::lock_guard one(*sending);
  storage.mutable_data_ptr();  // into its base format: a receiver knows no other
  const c10::DataPtr& data = storage.data_ptr();
  TORCH_CHECK(data.get_deleter() != &free_received,
              "a tensor that was received from another process cannot be sent on, since its memory is the "
              "sender's: send a clone()");
  const Block* block = NPUCachingAllocator::block_of(data);
  TORCH_CHECK(block,
              "only memory of npu-core's allocator can be shared with another process: send a clone()");
  ipc_collect();
  const c10::DeviceGuard guard(storage.device());
  bind_device(shared.device);  // multiprocessing pickles on a thread of its own
  const NPUStream stream = getCurrentNPUStream(shared.device);
  Sent& sent = sent_of(storage, *block->owner);
  const NPUStream made_on(c10::Stream(c10::Stream::UNSAFE, storage.device(), block->stream));
  shared.event = mark(sent, stream, made_on);
  sent.receivers.value().fetch_add(1, std::memory_order_relaxed);
  shared.key = sent.exported->key();
  shared.offset = static_cast<uint64_t>(static_cast<char*>(data.get()) - sent.exported->base());
  shared.process = sent.receivers.file().process;
  shared.file = sent.receivers.file().file;
  shared.nonce = sent.receivers.file().nonce();
  shared.place = sent.receivers.place();
  return shared;
}

c10::Storage open_storage(const SharedStorage& shared) {
  const c10::Device device(c10::DeviceType::PrivateUse1, shared.device);
  init();
  check_device(shared.device);
  const c10::DeviceGuard guard(device);
  auto* allocator = NPUCachingAllocator::get();
  if (shared.nbytes == 0)
    return {c10::Storage::use_byte_size_t{}, 0, allocator->allocate(0), allocator, true};
  TORCH_CHECK_VALUE(shared.place > 0 && shared.place < CountFile::kPlaces, "this is no shared npu tensor");
  const auto counts = open_counts(shared.process, shared.file, shared.nonce);
  // Whatever fails from here on, the sender has its memory back.
  auto give_back = c10::make_scope_exit([&] { counts->give_back(shared.place); });
  bind_device(shared.device);
  if (!shared.event.empty())
    NPUEvent::open(shared.device, shared.event).block(getCurrentNPUStream(shared.device));
  const Place at{shared.key, shared.offset};
  {
    std::lock_guard lock(ipc().mutex);
    if (auto it = ipc().received.find(at); it != ipc().received.end())
      if (auto storage = it->second.storage.lock()) return c10::Storage(std::move(storage));
  }
  const bool own = shared.process == getpid();
  std::unique_ptr<Received> context(new Received{at, own, shared.device, counts, shared.place});
  const Received* made = context.get();
  char* base = own ? own_segment(shared) : import_segment(shared);
  c10::DataPtr data(base + shared.offset, context.release(), &free_received, device);
  give_back.release();  // the storage's now
  c10::Storage storage(c10::Storage::use_byte_size_t{}, shared.nbytes, std::move(data), allocator,
                       /*resizable=*/false);
  std::lock_guard lock(ipc().mutex);
  ipc().received.insert_or_assign(at, Known{StorageRef(storage.getWeakStorageImpl()), made});
  return storage;
}

bool ipc_collect() noexcept {
  if (gone()) return false;
  try {
    std::vector<std::unique_ptr<Sent>> settled;
    std::vector<std::unique_ptr<Received>> done;
    {
      std::lock_guard lock(ipc().mutex);
      auto& waiting = ipc().waiting;
      for (auto& sent : waiting) {
        if (sent->receivers.value().load(std::memory_order_acquire) == 0) settled.push_back(std::move(sent));
      }
      std::erase(waiting, nullptr);
      if (!capturing()) done.swap(ipc().capturing);
    }
    const bool any = !settled.empty() || !done.empty();
    for (auto& sent : settled) destroy(std::move(sent));
    for (auto& received : done) let_go(std::move(received));
    return any;
  } catch (const std::exception&) {
    return false;  // the device is broken: who uses it next hears of it
  }
}

const c10::DataPtr& sent_original(const c10::DataPtr& ptr) noexcept {
  return ptr.get_deleter() == &free_sent ? static_cast<Sent*>(ptr.get_context())->original : ptr;
}

DeviceIndex received_device(const void* ptr) noexcept {
  std::lock_guard lock(ipc().mutex);
  for (const auto& [key, import] : ipc().imports) {
    const auto* at = static_cast<const char*>(ptr);
    const char* base = import.memory->base();
    if (base <= at && at < base + import.nbytes) return import.memory->device();
  }
  return -1;
}

}  // namespace npu
