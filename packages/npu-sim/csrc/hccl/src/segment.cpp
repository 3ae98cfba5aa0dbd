#include "segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>

namespace npu_sim::hccl {
namespace {

constexpr uint64_t kMagic = 0x6c63636869736e31;
constexpr size_t kPageBytes = 4096;

// What HcclRootInfo holds.
struct Ticket {
  uint64_t magic;
  uint64_t nonce;
  ProcessId process;
  int32_t file;
};
static_assert(sizeof(Ticket) <= Segment::kInfoBytes && sizeof(SegmentHeader) <= kPageBytes);

struct Layout {
  explicit Layout(uint64_t ranks)
      : channels(kPageBytes + ranks * sizeof(RankSlot)),
        rounds(align(channels + ranks * ranks * sizeof(Channel))),
        messages(rounds + ranks * 2 * kRoundBytes),
        bytes(messages + ranks * ranks * 2 * kChannelBytes) {}
  static constexpr size_t slots = kPageBytes;
  size_t channels, rounds, messages, bytes;

 private:
  static size_t align(size_t n) { return (n + kPageBytes - 1) / kPageBytes * kPageBytes; }
};

std::mutex& registry_mutex() {
  static auto* m = new std::mutex;
  return *m;
}
std::map<uint64_t, std::weak_ptr<Segment>>& registry() {
  static auto* segments = new std::map<uint64_t, std::weak_ptr<Segment>>;
  return *segments;
}

// The files that this process made and other ranks may still want to open.
std::map<uint64_t, int>& open_roots() {
  static auto* roots = new std::map<uint64_t, int>;
  return *roots;
}

HcclResult system_error(const char* call) {
  return refuse(HCCL_E_SYSCALL, std::string("npu-sim cannot share memory between ranks: ") + call + ": " +
                                    std::strerror(errno));
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

void* map(int fd, size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (p == MAP_FAILED) return nullptr;
  madvise(p, bytes, MADV_DONTFORK);
  madvise(p, bytes, MADV_DONTDUMP);
  return p;
}

// Agrees with the other ranks on their number, and sizes the file for it.
HcclResult settle(int fd, uint64_t nonce, uint32_t ranks) {
  void* p = map(fd, kPageBytes);
  if (!p) return system_error("mmap");
  auto* header = static_cast<SegmentHeader*>(p);
  uint32_t known = 0;
  const bool ours = header->magic == kMagic && header->nonce == nonce;
  const bool first = ours && header->ranks.compare_exchange_strong(known, ranks);
  munmap(p, kPageBytes);
  if (!ours)
    return refuse(HCCL_E_PARA,
                  "the root info names no communicator that is being set up: it is not what "
                  "HcclGetRootInfo gave, or the process that called it has ended");
  if (!first && known != ranks)
    return refuse(HCCL_E_PARA, "ranks disagree on their number: this one was told nRanks=" +
                                   std::to_string(ranks) + ", another one " + std::to_string(known));
  if (ftruncate(fd, static_cast<off_t>(Layout(ranks).bytes)) != 0) return system_error("ftruncate");
  return HCCL_SUCCESS;
}

}  // namespace

HcclResult Segment::create(HcclRootInfo* info) {
  Ticket ticket{kMagic, 0, this_process(), -1};
  if (getrandom(&ticket.nonce, sizeof ticket.nonce, 0) != sizeof ticket.nonce)
    return system_error("getrandom");
  ticket.file = memfd_create("npu-sim-hccl", MFD_CLOEXEC);
  if (ticket.file < 0) return system_error("memfd_create");
  void* p = ftruncate(ticket.file, kPageBytes) == 0 ? map(ticket.file, kPageBytes) : nullptr;
  if (!p) {
    close(ticket.file);
    return system_error("mmap");
  }
  auto* header = new (p) SegmentHeader{};
  header->nonce = ticket.nonce;
  header->magic = kMagic;
  munmap(p, kPageBytes);
  std::memset(info, 0, sizeof *info);
  std::memcpy(info->internal, &ticket, sizeof ticket);
  std::lock_guard lock(registry_mutex());
  open_roots()[ticket.nonce] = ticket.file;
  return HCCL_SUCCESS;
}

void Segment::close_root(const HcclRootInfo& info) {
  Ticket ticket{};
  std::memcpy(&ticket, info.internal, sizeof ticket);
  std::lock_guard lock(registry_mutex());
  auto root = open_roots().extract(ticket.nonce);
  if (root) close(root.mapped());
}

HcclResult Segment::join(const HcclRootInfo& info, uint32_t ranks, std::shared_ptr<Segment>* segment) {
  Ticket ticket{};
  std::memcpy(&ticket, info.internal, sizeof ticket);
  if (ticket.magic != kMagic)
    return refuse(HCCL_E_PARA, "the root info must be what HcclGetRootInfo gave on one rank");
  if (!alive(ticket.process))
    return refuse(HCCL_E_REMOTE, "the process " + std::to_string(ticket.process.pid) +
                                     ", which called HcclGetRootInfo, has ended");
  const std::string path =
      "/proc/" + std::to_string(ticket.process.pid) + "/fd/" + std::to_string(ticket.file);
  std::lock_guard lock(registry_mutex());
  std::erase_if(registry(), [](const auto& entry) { return entry.second.expired(); });
  File file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0) return system_error(("open " + path).c_str());
  NPU_SIM_HCCL_TRY(settle(file.get(), ticket.nonce, ranks));
  std::weak_ptr<Segment>& known = registry()[ticket.nonce];
  *segment = known.lock();
  if (*segment) return HCCL_SUCCESS;
  const size_t bytes = Layout(ranks).bytes;
  void* p = map(file.get(), bytes);
  if (!p) return system_error("mmap");
  *segment = std::make_shared<Segment>(static_cast<char*>(p), bytes, ranks);
  known = *segment;
  return HCCL_SUCCESS;
}

Segment::~Segment() { munmap(base_, bytes_); }

RankSlot& Segment::slot(uint32_t rank) { return reinterpret_cast<RankSlot*>(base_ + Layout::slots)[rank]; }

Channel& Segment::channel(uint32_t from, uint32_t to) {
  return reinterpret_cast<Channel*>(base_ + Layout(ranks_).channels)[size_t{from} * ranks_ + to];
}

char* Segment::round_buffer(uint32_t rank, uint64_t round) {
  return base_ + Layout(ranks_).rounds + (size_t{rank} * 2 + round % 2) * kRoundBytes;
}

char* Segment::channel_buffer(uint32_t from, uint32_t to, uint64_t part) {
  return base_ + Layout(ranks_).messages + ((size_t{from} * ranks_ + to) * 2 + part % 2) * kChannelBytes;
}

}  // namespace npu_sim::hccl
