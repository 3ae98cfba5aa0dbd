// SPDX-License-Identifier: BSD-3-Clause
#include "lane.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace npu::dist {
namespace {

std::string seconds(std::chrono::milliseconds t) {
  std::string text = std::to_string(static_cast<double>(t.count()) / 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " s";
}

// So that a rank which never calls a collective is named after the group's time-out, not HCCL's own.
void meet(const LaneOptions& o) {
  std::vector<std::string> keys;
  for (int r = 0; r < o.size; ++r) keys.push_back(o.key + "/rank" + std::to_string(r));
  o.store->set(keys[static_cast<size_t>(o.rank)], std::vector<uint8_t>{1});
  try {
    o.store->wait(keys, o.timeout);
  } catch (const std::exception&) {
    std::string missing;
    for (int r = 0; r < o.size; ++r)
      if (!o.store->check({keys[static_cast<size_t>(r)]}))
        missing += (missing.empty() ? "" : ", ") + std::to_string(r);
    if (missing.empty()) throw;
    TORCH_CHECK_WITH(DistBackendError, false, "hccl: rank ", o.rank, " of ", o.size, " of group '", o.name,
                     "' waited ", seconds(o.timeout), " for rank ", missing,
                     " to begin its first operation of this group");
  }
}

HcclRootInfo share_root(const LaneOptions& o) {
  HcclRootInfo info;
  const std::string key = o.key + "/root";
  if (o.rank == 0) {
    const HcclResult result = hccl().HcclGetRootInfo(&info);
    TORCH_CHECK_WITH(DistBackendError, result == HCCL_SUCCESS, "HcclGetRootInfo failed: ", describe(result));
    const auto* bytes = reinterpret_cast<const uint8_t*>(info.internal);
    o.store->set(key, std::vector<uint8_t>(bytes, bytes + sizeof info));
    return info;
  }
  o.store->wait({key}, o.timeout);
  const std::vector<uint8_t> bytes = o.store->get(key);
  TORCH_CHECK_WITH(DistBackendError, bytes.size() == sizeof info, "the store holds ", bytes.size(),
                   " bytes as HCCL's root info, expected ", sizeof info);
  std::memcpy(info.internal, bytes.data(), sizeof info);
  return info;
}

// The header and the defaults that HcclCommConfig must be filled with.
HcclCommConfig default_config() {
  HcclCommConfig c;
  std::memset(static_cast<void*>(&c), 0, sizeof c);
  const struct {
    uint64_t size;
    uint32_t magic, version;
    uint64_t reserved;
  } header{sizeof c, HCCL_COMM_CONFIG_MAGIC_WORD, HCCL_COMM_CONFIG_VERSION, 0};
  std::memcpy(c.reserved, &header, sizeof header);
  c.hcclBufferSize = HCCL_COMM_BUFFSIZE_CONFIG_NOT_SET;
  c.hcclDeterministic = HCCL_COMM_DETERMINISTIC_CONFIG_NOT_SET;
  c.hcclRdmaTrafficClass = HCCL_COMM_TRAFFIC_CLASS_CONFIG_NOT_SET;
  c.hcclRdmaServiceLevel = HCCL_COMM_SERVICE_LEVEL_CONFIG_NOT_SET;
  c.hcclExecTimeOut = HCCL_COMM_EXECTIMEOUT_CONFIG_NOT_SET;
  c.hcclQos = HCCL_COMM_QOS_CONFIG_NOT_SET;
  c.hcclSymWinMaxMemSizePerRank = HCCL_DEFAULT_SYMMETRIC_MEMORY_STRIDE;
  return c;
}

constexpr const char* kCommunication = "communication";

// Device memory of one communicator by HCCL's documentation of HCCL_BUFFSIZE (MB), which no call tells: twice
// that, for what is sent and what is received. HCCL refuses what is no such number.
int64_t buffer_bytes() {
  const char* text = std::getenv("HCCL_BUFFSIZE");
  const int64_t mb = text && *text ? std::atoll(text) : HCCL_COMM_DEFAULT_BUFFSIZE;
  return 2 * (mb << 20);
}

// The group's time-out becomes the device's own, so that a rank that hangs is an error on the stream. A set
// HCCL_EXEC_TIMEOUT wins.
HcclResult init(const LaneOptions& o, const HcclRootInfo& info, HcclComm* comm) {
  const auto ranks = static_cast<uint32_t>(o.size), rank = static_cast<uint32_t>(o.rank);
  const bool configurable = hccl().HcclCommInitRootInfoConfig && hccl().HcclGetCommConfigCapability &&
                            hccl().HcclGetCommConfigCapability() > HCCL_COMM_CONFIG_EXEC_TIMEOUT;
  if (!configurable || std::getenv("HCCL_EXEC_TIMEOUT"))
    return hccl().HcclCommInitRootInfo(ranks, &info, rank, comm);
  HcclCommConfig config = default_config();
  config.hcclExecTimeOut = static_cast<int32_t>(std::max<int64_t>(1, (o.timeout.count() + 999) / 1000));
  return hccl().HcclCommInitRootInfoConfig(ranks, &info, rank, &config, comm);
}

}  // namespace

Lane::Lane(const LaneOptions& options, c10::Device where)
    : device(where),
      stream(
          c10::impl::VirtualGuardImpl(where.type()).getStreamFromGlobalPool(where, /*isHighPriority=*/true)) {
  const c10::DeviceGuard guard(device);
  // Makes the device this thread's, which HCCL's own calls look at. The stream is new: nothing is waited for.
  stream.synchronize();
  hccl();
  meet(options);
  const HcclResult result = init(options, share_root(options), &comm_);
  TORCH_CHECK_WITH(DistBackendError, result == HCCL_SUCCESS, "hccl: rank ", options.rank, " of ",
                   options.size, " of group '", options.name, "' cannot make a communicator on ", device,
                   ": ", describe(result));
}

void Lane::note_memory() {
  if (C10_LIKELY(noted_.load(std::memory_order_relaxed))) return;
  const int64_t bytes = buffer_bytes();
  int64_t none = 0;
  if (noted_.compare_exchange_strong(none, bytes)) core().note_memory(kCommunication, device.index(), bytes);
}

std::string Lane::error() const {
  HcclResult found = HCCL_SUCCESS;
  const HcclResult asked = hccl().HcclGetCommAsyncError(comm_, &found);
  if (asked != HCCL_SUCCESS) return describe(asked);
  return found == HCCL_SUCCESS ? std::string() : describe(found);
}

void Lane::close(bool wait) {
  if (!comm_) return;
  const c10::DeviceGuard guard(device);
  if (wait) {
    try {
      stream.synchronize();
    } catch (const c10::Error& e) {
      TORCH_WARN("hccl: the group ends with an error of its last operations: ", e.what_without_backtrace());
    }
  } else if (hccl().HcclCommSuspend) {
    hccl().HcclCommSuspend(comm_);
  }
  hccl().HcclCommDestroy(std::exchange(comm_, nullptr));
  core().note_memory(kCommunication, device.index(), -noted_.load());
}

c10::DataPtr scratch(size_t nbytes) { return c10::GetAllocator(c10::kPrivateUse1)->allocate(nbytes); }

void copy_on(c10::Device device, void* to, const void* from, size_t nbytes) {
  if (nbytes) NPU_CALL(core().copy(to, device.index(), from, device.index(), nbytes, /*non_blocking=*/true));
}

}  // namespace npu::dist
