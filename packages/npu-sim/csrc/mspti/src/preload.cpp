#include "preload.h"

#include <cstdlib>
#include <cstring>

namespace npu_sim::mspti {

bool preloaded() {
  static const bool found = [] {
    const char* list = std::getenv("LD_PRELOAD");
    return list && std::strstr(list, "libmspti.so");
  }();
  return found;
}

bool needs_preload(msptiActivityKind kind) {
  return kind == MSPTI_ACTIVITY_KIND_HCCL || kind == MSPTI_ACTIVITY_KIND_MEMORY ||
         kind == MSPTI_ACTIVITY_KIND_MEMSET || kind == MSPTI_ACTIVITY_KIND_MEMCPY;
}

}  // namespace npu_sim::mspti
