// SPDX-License-Identifier: BSD-3-Clause
#include "executor_cache.h"

#include <atomic>
#include <cstring>

#include "npu/core/error.h"
#include "npu/core/launch_queue.h"
#include "operator.h"

namespace npu {
namespace {

std::atomic<uint64_t> g_generation{0};

uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 32);
}

// Which tensors share an address. CANN may choose another way when the output is an input, so it is part of
// the key.
uint64_t sharing(const CallView& call) {
  uint64_t pattern = 0;
  void* const* a = call.addresses();
  for (uint32_t i = 1; i < call.header->address_count; ++i)
    for (uint32_t k = 0; k < i; ++k)
      if (a[i] == a[k]) {
        pattern = mix(pattern + 1, uint64_t{i} << 32 | k);
        break;
      }
  return pattern;
}

constexpr uint32_t kMostTensors = 64;  // beyond, comparing addresses costs more than the first phase saves

}  // namespace

void launch_options_changed() noexcept { g_generation.fetch_add(1); }

CachedExecutor::CachedExecutor(CallArguments&& a, const CallView& call, aclOpExecutor* e, uint64_t w)
    : args(std::move(a)),
      addresses(call.addresses(), call.addresses() + call.header->address_count),
      executor(e),
      workspace(w) {}

CachedExecutor::~CachedExecutor() {
  if (cann_usable() && cann().has_aclDestroyAclOpExecutor) cann().aclDestroyAclOpExecutor(executor);
}

bool CachedExecutor::readdress(void* const* now) {
  const Cann& c = cann();
  for (const AddressSlot& s : args.slots()) {
    void* address = now[s.address];
    if (addresses[s.address] == address) continue;
    auto* tensor = static_cast<aclTensor*>(s.object);
    auto* list = static_cast<aclTensorList*>(s.object);
    int code = 0;
    if (s.kind == AddressSlot::kInput || s.kind == AddressSlot::kBoth)
      code |= c.aclSetInputTensorAddr(executor, s.input, tensor, address);
    if (s.kind == AddressSlot::kOutput || s.kind == AddressSlot::kBoth)
      code |= c.aclSetOutputTensorAddr(executor, s.output, tensor, address);
    if (s.kind == AddressSlot::kListInput || s.kind == AddressSlot::kListBoth)
      code |= c.aclSetDynamicInputTensorAddr(executor, s.input, s.element, list, address);
    if (s.kind == AddressSlot::kListOutput || s.kind == AddressSlot::kListBoth)
      code |= c.aclSetDynamicOutputTensorAddr(executor, s.output, s.element, list, address);
    if (code != 0) return false;
    addresses[s.address] = address;
  }
  return true;
}

uint64_t ExecutorCache::hash(const CallView& call) const {
  const CallHeader& h = *call.header;
  if (!capacity_ || !h.op->repeatable.load(std::memory_order_relaxed) || h.address_count > kMostTensors)
    return 0;
  const Cann& c = cann();
  if (!c.has_aclSetAclOpExecutorRepeatable || !c.has_aclDestroyAclOpExecutor ||
      !c.has_aclSetInputTensorAddr || !c.has_aclSetOutputTensorAddr || !c.has_aclSetDynamicInputTensorAddr ||
      !c.has_aclSetDynamicOutputTensorAddr)
    return 0;
  uint64_t value = mix(reinterpret_cast<uint64_t>(h.op), g_generation.load(std::memory_order_relaxed));
  const uint64_t* key = call.key();
  for (uint32_t i = 0; i < h.key_words; ++i) value = mix(value, key[i]);
  value = mix(value, sharing(call));
  return value ? value : 1;
}

CachedExecutor* ExecutorCache::find(uint64_t hash, const CallView& call) {
  auto it = index_.find(hash);
  if (it != index_.end()) {
    Entry& e = *it->second;
    if (e.op == call.header->op && e.key.size() == call.header->key_words &&
        std::memcmp(e.key.data(), call.key(), e.key.size() * 8) == 0 && e.sharing == sharing(call) &&
        e.generation == g_generation.load(std::memory_order_relaxed)) {
      entries_.splice(entries_.begin(), entries_, it->second);
      return e.executor.get();
    }
  }
  return nullptr;
}

bool ExecutorCache::seen(uint64_t hash) { return std::exchange(seen_[hash % seen_.size()], hash) == hash; }

void ExecutorCache::insert(uint64_t hash, const CallView& call, std::unique_ptr<CachedExecutor> executor) {
  erase(hash);
  if (entries_.size() >= capacity_) evict();
  entries_.push_front({hash,
                       call.header->op,
                       {call.key(), call.key() + call.header->key_words},
                       sharing(call),
                       g_generation.load(std::memory_order_relaxed),
                       std::move(executor)});
  index_[hash] = entries_.begin();
}

void ExecutorCache::erase(uint64_t hash) {
  auto it = index_.find(hash);
  if (it == index_.end()) return;
  // The device may still be at work with what the executor holds.
  NPU_CHECK_WARN(cann().aclrtSynchronizeDevice());
  entries_.erase(it->second);
  index_.erase(it);
}

// Drops the least recently used eighth: one synchronisation then serves many executors.
void ExecutorCache::evict() {
  NPU_CHECK_WARN(cann().aclrtSynchronizeDevice());
  for (size_t n = capacity_ / 8 + 1; n > 0 && !entries_.empty(); --n) {
    index_.erase(entries_.back().hash);
    entries_.pop_back();
  }
}

}  // namespace npu
