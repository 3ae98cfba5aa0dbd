#include "abi.h"

#include "callbacks.h"

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>

#include "buffers.h"
#include "preload.h"
#include "recorder.h"

struct msptiSubscriber_st {
  msptiCallbackFunc callback;
  void* userdata;
};

namespace npu_sim::mspti {
namespace {

std::mutex g_mutex;
// One object for the process: a callback that runs while another thread unsubscribes still finds it.
msptiSubscriber_st g_subscriber{};
std::atomic<bool> g_subscribed{false};
std::array<std::atomic<uint64_t>, MSPTI_CB_DOMAIN_SIZE> g_wanted{};

struct Place {
  msptiCallbackDomain domain;
  uint32_t id;
};

struct Named {
  const char* name;
  Place place;
};
constexpr Named kCalls[] = {
    {"aclrtMemcpy", {MSPTI_CB_DOMAIN_RUNTIME, MSPTI_CBID_RUNTIME_MEMCPY}},
    {"aclrtMemcpyAsync", {MSPTI_CB_DOMAIN_RUNTIME, MSPTI_CBID_RUNTIME_MEMCPY_ASYNC}},
    {"aclrtMemset", {MSPTI_CB_DOMAIN_RUNTIME, MSPTI_CBID_RUNTIME_MEM_SET}},
    {"aclrtMemsetAsync", {MSPTI_CB_DOMAIN_RUNTIME, MSPTI_CBID_RUNTIME_MEM_SET_ASYNC}},
    {"HcclAllReduce", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_ALLREDUCE}},
    {"HcclBroadcast", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_BROADCAST}},
    {"HcclAllGather", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_ALLGATHER}},
    {"HcclReduceScatter", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_REDUCE_SCATTER}},
    {"HcclReduce", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_REDUCE}},
    {"HcclAlltoAll", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_ALL_TO_ALL}},
    {"HcclAlltoAllV", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_ALL_TO_ALLV}},
    {"HcclBarrier", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_BARRIER}},
    {"HcclScatter", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_SCATTER}},
    {"HcclSend", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_SEND}},
    {"HcclRecv", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_RECV}},
    {"HcclBatchSendRecv", {MSPTI_CB_DOMAIN_HCCL, MSPTI_CBID_HCCL_SENDRECV}},
};

// An operator's second phase is, to the runtime, the launch of a kernel.
Place place_of(const char* name) {
  for (const Named& call : kCalls)
    if (std::strcmp(call.name, name) == 0) return call.place;
  return {MSPTI_CB_DOMAIN_RUNTIME, MSPTI_CBID_RUNTIME_LAUNCH};
}

msptiResult check(msptiSubscriberHandle subscriber, msptiCallbackDomain domain) {
  if (!preloaded()) return MSPTI_ERROR_WITHOUT_LD_PRELOAD;
  if (!g_subscribed.load() || subscriber != &g_subscriber) return MSPTI_ERROR_INVALID_PARAMETER;
  if (domain <= MSPTI_CB_DOMAIN_INVALID || domain >= MSPTI_CB_DOMAIN_SIZE)
    return MSPTI_ERROR_INVALID_PARAMETER;
  return MSPTI_SUCCESS;
}

void want(msptiCallbackDomain domain, uint64_t bits, bool on) {
  if (on)
    g_wanted[domain].fetch_or(bits);
  else
    g_wanted[domain].fetch_and(~bits);
  bool any = false;
  for (const auto& w : g_wanted) any |= w.load() != 0;
  Recorder::instance().watch_calls(any);
}

}  // namespace

void call_back(msptiApiCallbackSite site, const char* name, uint64_t correlation) {
  if (!g_wanted[MSPTI_CB_DOMAIN_RUNTIME].load(std::memory_order_relaxed) &&
      !g_wanted[MSPTI_CB_DOMAIN_HCCL].load(std::memory_order_relaxed))
    return;
  const Place place = place_of(name);
  if (!(g_wanted[place.domain].load(std::memory_order_relaxed) >> place.id & 1)) return;
  msptiCallbackData data{};
  data.callbackSite = site;
  data.functionName = place.id == MSPTI_CBID_RUNTIME_LAUNCH && place.domain == MSPTI_CB_DOMAIN_RUNTIME
                          ? "aclrtLaunchKernel"
                          : name;
  data.symbolName = name;
  data.correlationId = correlation;
  if (g_subscriber.callback) g_subscriber.callback(g_subscriber.userdata, place.domain, place.id, &data);
}

}  // namespace npu_sim::mspti

using namespace npu_sim::mspti;

msptiResult msptiSubscribe(msptiSubscriberHandle* subscriber, msptiCallbackFunc callback, void* userdata) {
  if (!subscriber) return MSPTI_ERROR_INVALID_PARAMETER;
  std::lock_guard lock(g_mutex);
  if (g_subscribed.load()) return MSPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED;
  g_subscriber = {callback, userdata};
  *subscriber = &g_subscriber;
  g_subscribed.store(true);
  Recorder::instance().subscribe(true);
  return MSPTI_SUCCESS;
}

msptiResult msptiUnsubscribe(msptiSubscriberHandle subscriber) {
  std::lock_guard lock(g_mutex);
  if (!g_subscribed.load()) return MSPTI_SUCCESS;
  if (subscriber != &g_subscriber) return MSPTI_ERROR_INVALID_PARAMETER;
  for (auto& w : g_wanted) w.store(0);
  Recorder::instance().reset();
  Buffers::instance().close();
  g_subscribed.store(false);
  return MSPTI_SUCCESS;
}

msptiResult msptiEnableCallback(uint32_t enable, msptiSubscriberHandle subscriber, msptiCallbackDomain domain,
                                msptiCallbackId cbid) {
  if (msptiResult bad = check(subscriber, domain); bad != MSPTI_SUCCESS) return bad;
  if (cbid >= 64) return MSPTI_ERROR_INVALID_PARAMETER;
  want(domain, uint64_t{1} << cbid, enable != 0);
  return MSPTI_SUCCESS;
}

msptiResult msptiEnableDomain(uint32_t enable, msptiSubscriberHandle subscriber, msptiCallbackDomain domain) {
  if (msptiResult bad = check(subscriber, domain); bad != MSPTI_SUCCESS) return bad;
  want(domain, ~uint64_t{1}, enable != 0);
  return MSPTI_SUCCESS;
}
