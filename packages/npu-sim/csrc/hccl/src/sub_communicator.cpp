// Communicators of some of the ranks of another one.
#include <algorithm>
#include <cstring>
#include <vector>

#include "communicator.h"
#include "config.h"
#include "futex.h"
#include "init.h"

using namespace npu_sim;
using namespace npu_sim::hccl;

namespace {

constexpr const char* kCall = "HcclCreateSubCommConfig";

// The leader's place in the parent's segment; null when all are taken.
Child* claim(SegmentHeader& header, uint64_t key) {
  for (Child& child : header.children) {
    uint64_t none = 0;
    if (child.id.compare_exchange_strong(none, key)) return &child;
  }
  return nullptr;
}

Child* search(SegmentHeader& header, uint64_t key) {
  for (Child& child : header.children)
    if (child.id.load() == key && child.ready.load()) return &child;
  return nullptr;
}

HcclResult lead(Communicator& parent, uint64_t key, HcclRootInfo* info, Child** child) {
  SegmentHeader& header = parent.segment().header();
  NPU_SIM_HCCL_TRY(Segment::create(info));
  *child = claim(header, key);
  if (!*child)
    return refuse(HCCL_E_UNAVAIL, std::string(kCall) + ": too many communicators are being made at once");
  std::memcpy((*child)->info, info->internal, Segment::kInfoBytes);
  (*child)->ready.store(1);
  futex_ring(header.gate);
  return HCCL_SUCCESS;
}

HcclResult follow(Communicator& parent, uint32_t leader, uint64_t key, std::chrono::milliseconds timeout,
                  HcclRootInfo* info) {
  SegmentHeader& header = parent.segment().header();
  auto missing = [&] { return search(header, key) ? Communicator::Ranks{} : Communicator::Ranks{leader}; };
  NPU_SIM_HCCL_TRY(parent.wait(kCall, header.gate, missing, timeout));
  Child* child = search(header, key);
  if (!child) return refuse(HCCL_E_INTERNAL, std::string(kCall) + ": the leader has withdrawn");
  std::memset(info, 0, sizeof *info);
  std::memcpy(info->internal, child->info, Segment::kInfoBytes);
  return HCCL_SUCCESS;
}

HcclResult check(const Communicator& parent, uint32_t n, const uint32_t* ids, uint32_t rank) {
  if (!ids) return refuse(HCCL_E_PTR, std::string(kCall) + ": rankIds is null");
  if (n == 0 || n > parent.size || rank >= n)
    return refuse(HCCL_E_PARA, std::string(kCall) + ": rank " + std::to_string(rank) + " of " +
                                   std::to_string(n) + " ranks is none, or more than the communicator's " +
                                   std::to_string(parent.size));
  for (uint32_t i = 0; i < n; ++i)
    if (ids[i] >= parent.size || std::count(ids, ids + n, ids[i]) != 1)
      return refuse(HCCL_E_PARA, std::string(kCall) + ": rankIds must name different ranks below " +
                                     std::to_string(parent.size) + ", found " + std::to_string(ids[i]));
  if (ids[rank] != parent.rank)
    return refuse(HCCL_E_PARA, std::string(kCall) + ": subCommRankId " + std::to_string(rank) + " is rank " +
                                   std::to_string(ids[rank]) + ", this one is " +
                                   std::to_string(parent.rank));
  return HCCL_SUCCESS;
}

}  // namespace

HcclResult HcclCreateSubCommConfig(HcclComm* comm, uint32_t rankNum, uint32_t* rankIds, uint64_t subCommId,
                                   uint32_t subCommRankId, HcclCommConfig* config, HcclComm* subComm) {
  if (!comm || !subComm || !config)
    return refuse(HCCL_E_PTR, std::string(kCall) + ": comm, config or subComm is null");
  std::shared_ptr<Communicator> parent;
  NPU_SIM_HCCL_TRY(find(*comm, kCall, &parent));
  NPU_SIM_HCCL_TRY(check(*parent, rankNum, rankIds, subCommRankId));
  Device* device = nullptr;
  NPU_SIM_HCCL_TRY(current_device(&device));
  Options options;
  NPU_SIM_HCCL_TRY(read_options(kCall, config, &options));
  const uint64_t key = parent->next_child(subCommId, rankIds[0]);
  HcclRootInfo info;
  Child* child = nullptr;
  if (subCommRankId == 0)
    NPU_SIM_HCCL_TRY(lead(*parent, key, &info, &child));
  else
    NPU_SIM_HCCL_TRY(follow(*parent, rankIds[0], key, options.connect_timeout, &info));
  const HcclResult made = init(kCall, rankNum, &info, subCommRankId, *device, config, subComm);
  if (child) {  // all have joined, or will not
    child->ready.store(0);
    child->id.store(0);
  }
  return made;
}
