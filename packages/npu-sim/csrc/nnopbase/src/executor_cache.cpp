// SPDX-License-Identifier: BSD-3-Clause
#include "executor_cache.h"

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "npu_sim/nnop/export.h"

namespace npu_sim::nnop {

namespace {

// What a thread said about the call that it is about to make.
struct Announced {
  bool enabled = false;
  std::string key;           // of the next first phase; empty: do not keep it
  std::vector<void*> addrs;  // of its tensors, in argument order
};
thread_local Announced announced;

struct Destroy {
  void operator()(aclOpExecutor* e) const { aclOpExecutor::destroy(e); }
};

// Executors by key, for all threads. Emptied when it is full: keys are shapes, and a model that makes ever
// new ones must not make memory grow.
class Cache {
 public:
  void put(const std::string& key, const aclOpExecutor& e) {
    std::lock_guard lock(mutex_);
    if (entries_.size() >= kMost) entries_.clear();
    entries_[key].reset(e.clone());
  }

  // A copy of the executor under `key` at the given addresses; null if there is none, or it has other
  // tensors.
  aclOpExecutor* get(const std::string& key, const std::vector<void*>& addrs) {
    std::lock_guard lock(mutex_);
    auto it = entries_.find(key);
    if (it == entries_.end()) return nullptr;
    std::unique_ptr<aclOpExecutor, Destroy> copy(it->second->clone());
    return copy->rebind(addrs.data(), addrs.size()) ? copy.release() : nullptr;
  }

 private:
  static constexpr size_t kMost = 10000;
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<aclOpExecutor, Destroy>> entries_;
};

Cache& cache() {
  static auto* c = new Cache;  // leaked: a client's thread may still ask at exit
  return *c;
}

aclOpExecutor* find(const std::string& key, uint64_t* workspace_size) {
  if (!announced.enabled || key.empty() || !workspace_size) return nullptr;
  aclOpExecutor* e = cache().get(key, announced.addrs);
  if (e) *workspace_size = e->workspace_bytes();
  return e;
}

std::string bytes_of(uint64_t hash) { return {reinterpret_cast<const char*>(&hash), sizeof hash}; }

}  // namespace

void remember(const aclOpExecutor& e) {
  if (!announced.enabled || announced.key.empty()) return;
  if (!e.data_dependent()) cache().put(announced.key, e);
  announced.key.clear();
}

}  // namespace npu_sim::nnop

using npu_sim::nnop::announced;

NPU_SIM_ABI void InitPTACacheThreadLocal(void) {
  announced.enabled = true;
  announced.key.clear();
  announced.addrs.clear();
}

NPU_SIM_ABI void UnInitPTACacheThreadLocal(void) { announced.enabled = false; }

// Every operator can be cached: one whose output's shape depends on data is never kept, so it is never found.
NPU_SIM_ABI bool CanUsePTACache(const char* api) { return api != nullptr; }

// A hash of 0 means that the call is not to be kept.
NPU_SIM_ABI void SetPTAHashKey(uint64_t hash) {
  announced.key = hash ? npu_sim::nnop::bytes_of(hash) : std::string();
}

NPU_SIM_ABI void SetPTACacheHashKey(uint8_t* key, size_t len) {
  announced.key = key ? std::string(reinterpret_cast<const char*>(key), len) : std::string();
}

NPU_SIM_ABI void AddTensorAddrToCachedList(void* addr) { announced.addrs.push_back(addr); }

NPU_SIM_ABI aclOpExecutor* PTAGetExecCache(uint64_t hash, uint64_t* workspaceSize) {
  return hash ? npu_sim::nnop::find(npu_sim::nnop::bytes_of(hash), workspaceSize) : nullptr;
}

NPU_SIM_ABI aclOpExecutor* PTAFindExecCache(uint8_t* buf, size_t len, uint64_t* workspaceSize) {
  return buf ? npu_sim::nnop::find({reinterpret_cast<const char*>(buf), len}, workspaceSize) : nullptr;
}

// CANN's arena for descriptors. Here each call is one block of its own, so there is nothing to open or
// release.
NPU_SIM_ABI int InitHugeMemThreadLocal(void*, bool) { return 0; }
NPU_SIM_ABI void UnInitHugeMemThreadLocal(void*, bool) {}
NPU_SIM_ABI void ReleaseHugeMem(void*, bool) {}
