// Memory that a program cuts up itself: heaps, and the regions that are in use inside them.
#include "abi.h"

#include <map>
#include <mutex>

struct mstxMemHeap_st {
  mstxMemVirtualRangeDesc_t range;
};
struct mstxMemRegion_st {
  mstxMemHeapHandle_t heap;
  mstxMemVirtualRangeDesc_t range;
};

namespace {

struct Registry {
  std::mutex mutex;
  std::map<mstxMemHeapHandle_t, bool> heaps;
  std::map<const void*, mstxMemRegionHandle_t> regions;  // by address
};

Registry& registry() {
  static auto* r = new Registry;
  return *r;
}

void drop(Registry& r, std::map<const void*, mstxMemRegionHandle_t>::iterator it) {
  delete it->second;
  r.regions.erase(it);
}

}  // namespace

mstxMemHeapHandle_t mstxMemHeapRegister(mstxDomainHandle_t /*domain*/, const mstxMemHeapDesc_t* desc) {
  if (!desc || desc->type != MSTX_MEM_TYPE_VIRTUAL_ADDRESS || !desc->typeSpecificDesc) return nullptr;
  auto* heap = new mstxMemHeap_st{*static_cast<const mstxMemVirtualRangeDesc_t*>(desc->typeSpecificDesc)};
  std::lock_guard lock(registry().mutex);
  registry().heaps[heap] = true;
  return heap;
}

void mstxMemHeapUnregister(mstxDomainHandle_t /*domain*/, mstxMemHeapHandle_t heap) {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  if (!r.heaps.erase(heap)) return;
  for (auto it = r.regions.begin(); it != r.regions.end();) {
    auto here = it++;
    if (here->second->heap == heap) drop(r, here);
  }
  delete heap;
}

void mstxMemRegionsRegister(mstxDomainHandle_t /*domain*/, const mstxMemRegionsRegisterBatch_t* desc) {
  if (!desc || desc->regionType != MSTX_MEM_TYPE_VIRTUAL_ADDRESS || !desc->regionDescArray) return;
  const auto* ranges = static_cast<const mstxMemVirtualRangeDesc_t*>(desc->regionDescArray);
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  const bool known = r.heaps.count(desc->heap) != 0;
  for (size_t i = 0; i < desc->regionCount; ++i) {
    mstxMemRegionHandle_t region = nullptr;
    if (known) {
      if (auto old = r.regions.find(ranges[i].ptr); old != r.regions.end()) drop(r, old);
      region = r.regions[ranges[i].ptr] = new mstxMemRegion_st{desc->heap, ranges[i]};
    }
    if (desc->regionHandleArrayOut) desc->regionHandleArrayOut[i] = region;
  }
}

void mstxMemRegionsUnregister(mstxDomainHandle_t /*domain*/, const mstxMemRegionsUnregisterBatch_t* desc) {
  if (!desc || !desc->refArray) return;
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  for (size_t i = 0; i < desc->refCount; ++i) {
    const mstxMemRegionRef_t& ref = desc->refArray[i];
    const bool by_pointer = ref.refType == MSTX_MEM_REGION_REF_TYPE_POINTER;
    for (auto it = r.regions.begin(); it != r.regions.end(); ++it)
      if (by_pointer ? it->first == ref.pointer : it->second == ref.handle) {
        drop(r, it);
        break;
      }
  }
}
