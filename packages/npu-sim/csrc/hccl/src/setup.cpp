// Making and ending communicators, and what is asked about them.
#include <cstring>
#include <thread>

#include "communicator.h"
#include "config.h"
#include "init.h"
#include "npu_sim/context.h"
#include "npu_sim/device.h"
#include "npu_sim/error.h"
#include "npu_sim/machine.h"

using namespace npu_sim;
using namespace npu_sim::hccl;

namespace {

std::string made_up_name(const HcclRootInfo& info) {
  uint64_t nonce = 0;
  std::memcpy(&nonce, info.internal + sizeof nonce, sizeof nonce);
  return "hccl_" + std::to_string(nonce);
}

}  // namespace

namespace npu_sim::hccl {

HcclResult current_device(Device** device) {
  std::shared_ptr<Context> context;
  if (int code = ready()) return machine_refused(code);
  if (int code = require_context(&context)) return machine_refused(code);
  *device = &context->device;
  return HCCL_SUCCESS;
}

HcclResult init(const char* call, uint32_t ranks, const HcclRootInfo* info, uint32_t rank, Device& device,
                const HcclCommConfig* config, HcclComm* comm) {
  if (!info || !comm)
    return refuse(HCCL_E_PTR, std::string(call) + ": " + (info ? "comm" : "rootInfo") + " is null");
  if (ranks == 0 || rank >= ranks)
    return refuse(HCCL_E_PARA, std::string(call) + ": rank must be below nRanks, found rank " +
                                   std::to_string(rank) + " of " + std::to_string(ranks));
  Options options;
  NPU_SIM_HCCL_TRY(read_options(call, config, &options));
  if (options.name.empty()) options.name = made_up_name(*info);
  std::shared_ptr<Segment> segment;
  NPU_SIM_HCCL_TRY(Segment::join(*info, ranks, &segment));
  auto made = std::make_shared<Communicator>(std::move(segment), rank, device, options);
  NPU_SIM_HCCL_TRY(made->attach(device.physical_id, options.connect_timeout));
  Segment::close_root(*info);
  *comm = communicators().insert(made);
  return HCCL_SUCCESS;
}

}  // namespace npu_sim::hccl

namespace {

HcclResult init_here(const char* call, uint32_t ranks, const HcclRootInfo* info, uint32_t rank,
                     const HcclCommConfig* config, HcclComm* comm) {
  Device* device = nullptr;
  NPU_SIM_HCCL_TRY(current_device(&device));
  return init(call, ranks, info, rank, *device, config, comm);  // NOLINT(clang-analyzer-*): there is one
}

}  // namespace

HcclResult HcclGetRootInfo(HcclRootInfo* rootInfo) {
  if (!rootInfo) return refuse(HCCL_E_PTR, "HcclGetRootInfo: rootInfo is null");
  Device* device = nullptr;
  NPU_SIM_HCCL_TRY(current_device(&device));
  return Segment::create(rootInfo);
}

HcclResult HcclCommInitRootInfo(uint32_t nRanks, const HcclRootInfo* rootInfo, uint32_t rank,
                                HcclComm* comm) {
  return init_here("HcclCommInitRootInfo", nRanks, rootInfo, rank, nullptr, comm);
}

HcclResult HcclCommInitRootInfoConfig(uint32_t nRanks, const HcclRootInfo* rootInfo, uint32_t rank,
                                      const HcclCommConfig* config, HcclComm* comm) {
  constexpr const char* name = "HcclCommInitRootInfoConfig";
  if (!config) return refuse(HCCL_E_PTR, std::string(name) + ": config is null");
  return init_here(name, nRanks, rootInfo, rank, config, comm);
}

HcclResult HcclCommInitAll(uint32_t ndev, int32_t* devices, HcclComm* comms) {
  constexpr const char* name = "HcclCommInitAll";
  if (!devices || !comms) return refuse(HCCL_E_PTR, std::string(name) + ": devices or comms is null");
  if (ndev == 0) return refuse(HCCL_E_PARA, std::string(name) + ": ndev must be at least 1");
  if (int code = ready()) return machine_refused(code);
  if (const auto most = static_cast<uint32_t>(device_count()); ndev > most)
    return refuse(HCCL_E_PARA, std::string(name) + ": ndev must be at most " + std::to_string(most) +
                                   ", as many as there are devices, found " + std::to_string(ndev));
  std::vector<Device*> opened(ndev);
  for (uint32_t i = 0; i < ndev; ++i)
    if (int code = open_device(devices[i], &opened[i])) return machine_refused(code);
  HcclRootInfo info{};
  NPU_SIM_HCCL_TRY(Segment::create(&info));
  std::vector<HcclResult> codes(ndev, HCCL_SUCCESS);
  std::vector<std::string> messages(ndev);
  std::vector<HcclComm> made(ndev);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < ndev; ++i)
    threads.emplace_back([&, i] {
      codes[i] = init(name, ndev, &info, i, *opened[i], nullptr, &made[i]);
      if (codes[i] != HCCL_SUCCESS) messages[i] = take_error_message();
    });
  for (std::thread& t : threads) t.join();
  for (uint32_t i = 0; i < ndev; ++i) {
    if (codes[i] == HCCL_SUCCESS) continue;
    for (HcclComm c : made)
      if (c) HcclCommDestroy(c);
    return refuse(codes[i], messages[i]);
  }
  std::copy(made.begin(), made.end(), comms);
  return HCCL_SUCCESS;
}

HcclResult HcclCommDestroy(HcclComm comm) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclCommDestroy", &c));
  communicators().remove(comm);
  c->leave();
  return HCCL_SUCCESS;
}

HcclResult HcclCommSuspend(HcclComm comm) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclCommSuspend", &c));
  c->suspend(true);
  return HCCL_SUCCESS;
}

HcclResult HcclCommResume(HcclComm comm) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclCommResume", &c));
  c->suspend(false);
  return HCCL_SUCCESS;
}

HcclResult HcclGetCommName(HcclComm comm, char* commName) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclGetCommName", &c));
  if (!commName) return refuse(HCCL_E_PTR, "HcclGetCommName: commName is null");
  std::strncpy(commName, c->name.c_str(), COMM_NAME_MAX_LENGTH - 1);
  commName[COMM_NAME_MAX_LENGTH - 1] = 0;
  return HCCL_SUCCESS;
}

HcclResult HcclGetRankId(HcclComm comm, uint32_t* rank) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclGetRankId", &c));
  if (!rank) return refuse(HCCL_E_PTR, "HcclGetRankId: rank is null");
  *rank = c->rank;
  return HCCL_SUCCESS;
}

HcclResult HcclGetRankSize(HcclComm comm, uint32_t* rankSize) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclGetRankSize", &c));
  if (!rankSize) return refuse(HCCL_E_PTR, "HcclGetRankSize: rankSize is null");
  *rankSize = c->size;
  return HCCL_SUCCESS;
}

HcclResult HcclGetCommAsyncError(HcclComm comm, HcclResult* asyncError) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclGetCommAsyncError", &c));
  if (!asyncError) return refuse(HCCL_E_PTR, "HcclGetCommAsyncError: asyncError is null");
  *asyncError = c->async_error();
  return HCCL_SUCCESS;
}
