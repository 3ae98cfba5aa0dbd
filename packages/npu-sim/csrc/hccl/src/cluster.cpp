// Communicators from a rank table: a JSON file that names every rank's device. Its ranks meet at a socket
// whose name is made of the table, where the first hands out the root info; the socket has no file and ends
// with it.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cctype>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <thread>

#include "config.h"
#include "init.h"
#include "npu_sim/device.h"
#include "segment.h"

using namespace npu_sim;
using namespace npu_sim::hccl;

namespace {

using Clock = std::chrono::steady_clock;

class Socket {
 public:
  Socket() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  explicit Socket(int fd) : fd_(fd) {}
  Socket(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  const int fd_;
};

struct Address {
  sockaddr_un name{};
  socklen_t size = 0;

  explicit Address(const std::string& table) {
    uint64_t hash = 0xcbf29ce484222325;
    for (unsigned char c : table) hash = (hash ^ c) * 0x100000001b3;
    name.sun_family = AF_UNIX;
    const std::string text = "npu-sim-hccl-" + std::to_string(getuid()) + "-" + std::to_string(hash);
    std::memcpy(name.sun_path + 1, text.data(), text.size());  // a first byte of 0: a name without a file
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

bool same_user(int fd) {
  ucred peer{};
  socklen_t n = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == getuid();
}

// The number behind `"key":` in one object of the table, quoted or not.
std::optional<uint32_t> number(const std::string& object, const char* key) {
  size_t at = object.find(std::string("\"") + key + "\"");
  if (at == std::string::npos) return std::nullopt;
  at = object.find(':', at);
  while (at < object.size() && (object[at] == ':' || object[at] == '"' || std::isspace(object[at]))) ++at;
  if (at >= object.size() || !std::isdigit(object[at])) return std::nullopt;
  return static_cast<uint32_t>(std::strtoul(object.c_str() + at, nullptr, 10));
}

// The machine device of each rank. Empty if the text names none, or one twice.
std::map<uint32_t, uint32_t> devices_of(const std::string& table) {
  std::map<uint32_t, uint32_t> devices;
  for (size_t at = 0; (at = table.find("\"rank_id\"", at)) != std::string::npos; ++at) {
    const size_t begin = table.rfind('{', at), end = table.find('}', at);
    if (begin == std::string::npos || end == std::string::npos) return {};
    const std::string object = table.substr(begin, end - begin);
    auto rank = number(object, "rank_id"), device = number(object, "device_id");
    if (!rank || !device || !devices.emplace(*rank, *device).second) return {};
  }
  return devices;
}

HcclResult timed_out(const char* call, const char* what) {
  return refuse(HCCL_E_TIMEOUT, std::string(call) + ": " + what + " within HCCL_CONNECT_TIMEOUT");
}

// Gives the root info to whoever comes, until the socket is shut.
void serve(int listener, const HcclRootInfo& info) {
  for (;;) {
    Socket peer(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (peer.get() < 0) return;
    if (same_user(peer.get())) (void)send(peer.get(), &info, sizeof info, MSG_NOSIGNAL);
  }
}

HcclResult lead(const char* call, const Address& address, uint32_t ranks, Device& device,
                const HcclCommConfig* config, Clock::time_point deadline, HcclComm* comm) {
  HcclRootInfo info{};
  Socket listener;
  // Another communicator of the same table may be on its way.
  while (bind(listener.get(), address.get(), address.size) != 0) {
    if (errno != EADDRINUSE)
      return refuse(HCCL_E_SYSCALL, std::string(call) + ": the ranks cannot meet: " + std::strerror(errno));
    if (Clock::now() >= deadline)
      return timed_out(call, "the ranks of the table did not finish to meet before");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (listen(listener.get(), 64) != 0)
    return refuse(HCCL_E_SYSCALL, std::string(call) + ": the ranks cannot meet: " + std::strerror(errno));
  NPU_SIM_HCCL_TRY(Segment::create(&info));
  std::thread server([&] { serve(listener.get(), info); });
  const HcclResult made = init(call, ranks, &info, 0, device, config, comm);
  shutdown(listener.get(), SHUT_RDWR);
  server.join();
  return made;
}

HcclResult follow(const char* call, const Address& address, Clock::time_point deadline, HcclRootInfo* info) {
  for (;;) {
    Socket peer;
    const bool met = connect(peer.get(), address.get(), address.size) == 0 && same_user(peer.get());
    if (met && recv(peer.get(), info, sizeof *info, MSG_WAITALL) == static_cast<ssize_t>(sizeof *info))
      return HCCL_SUCCESS;
    if (Clock::now() >= deadline) return timed_out(call, "rank 0 of the table did not come");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

HcclResult init_table(const char* call, const char* path, uint32_t rank, const HcclCommConfig* config,
                      HcclComm* comm) {
  if (!path || !comm) return refuse(HCCL_E_PTR, std::string(call) + ": clusterInfo or comm is null");
  std::ifstream file(path);
  if (!file)
    return refuse(HCCL_E_OPEN_FILE_FAILURE, std::string(call) + ": cannot read the rank table " + path);
  const std::string table{std::istreambuf_iterator<char>(file), {}};
  const auto devices = devices_of(table);
  const auto ranks = static_cast<uint32_t>(devices.size());
  if (devices.empty() || devices.rbegin()->first != ranks - 1)
    return refuse(HCCL_E_PARA,
                  std::string(call) + ": the rank table must give each rank from 0 on a device: " + path);
  if (rank >= ranks)
    return refuse(HCCL_E_PARA, std::string(call) + ": the rank table has " + std::to_string(ranks) +
                                   " ranks, found rank " + std::to_string(rank));
  Device* device = nullptr;
  NPU_SIM_HCCL_TRY(current_device(&device));
  if (devices.at(rank) != static_cast<uint32_t>(device->physical_id))
    return refuse(HCCL_E_PARA, std::string(call) + ": the rank table gives rank " + std::to_string(rank) +
                                   " device " + std::to_string(devices.at(rank)) + ", the current one is " +
                                   std::to_string(device->physical_id));
  Options options;
  NPU_SIM_HCCL_TRY(read_options(call, config, &options));
  const Address address(table);
  const auto deadline = Clock::now() + options.connect_timeout;
  if (rank == 0) return lead(call, address, ranks, *device, config, deadline, comm);
  HcclRootInfo info{};
  NPU_SIM_HCCL_TRY(follow(call, address, deadline, &info));
  return init(call, ranks, &info, rank, *device, config, comm);
}

}  // namespace

HcclResult HcclCommInitClusterInfo(const char* clusterInfo, uint32_t rank, HcclComm* comm) {
  return init_table("HcclCommInitClusterInfo", clusterInfo, rank, nullptr, comm);
}

HcclResult HcclCommInitClusterInfoConfig(const char* clusterInfo, uint32_t rank, HcclCommConfig* config,
                                         HcclComm* comm) {
  constexpr const char* name = "HcclCommInitClusterInfoConfig";
  if (!config) return refuse(HCCL_E_PTR, std::string(name) + ": config is null");
  return init_table(name, clusterInfo, rank, config, comm);
}

// Several roots share the work of meeting on a large cluster. On one machine the first does it alone.
HcclResult HcclGetRootInfoScalable(HcclRootInfo* rootInfo) { return HcclGetRootInfo(rootInfo); }

HcclResult HcclCommInitRootInfoScalable(uint32_t nRanks, uint32_t nRoot, const HcclRootInfo* rootInfoList,
                                        uint32_t rank, uint32_t nExtRoot, const HcclCommConfig* config,
                                        HcclComm* comm) {
  constexpr const char* name = "HcclCommInitRootInfoScalable";
  if (!rootInfoList) return refuse(HCCL_E_PTR, std::string(name) + ": rootInfoList is null");
  if (nRoot == 0 || nRoot > nRanks || nExtRoot > nRoot)
    return refuse(HCCL_E_PARA, std::string(name) +
                                   ": nRoot must be 1 to nRanks, nExtRoot at most nRoot, found " +
                                   std::to_string(nRoot) + " and " + std::to_string(nExtRoot));
  Device* device = nullptr;
  NPU_SIM_HCCL_TRY(current_device(&device));
  const HcclResult made = init(name, nRanks, rootInfoList, rank, *device, config, comm);
  for (uint32_t i = 1; i < nRoot; ++i) Segment::close_root(rootInfoList[i]);
  return made;
}
