// Many copies in one call: all from the host to a device, or all from a device to the host.
#include <cstdint>

#include "abi.h"
#include "npu_sim/memory.h"

using namespace npu_sim;

namespace {

struct Batch {
  void** dsts;
  size_t* dest_maxs;
  void** srcs;
  size_t* sizes;
  size_t count;
  aclrtMemcpyBatchAttr* attrs;
  size_t* attr_indexes;
  size_t attr_count;
  size_t* fail_index;
};

int check_attributes(const Batch& b) {
  for (const void* p : {static_cast<const void*>(b.dsts), static_cast<const void*>(b.dest_maxs),
                        static_cast<const void*>(b.srcs), static_cast<const void*>(b.sizes),
                        static_cast<const void*>(b.attrs), static_cast<const void*>(b.attr_indexes)})
    NPU_SIM_TRY(require_pointer(p, "an array of the batch"));
  if (b.count == 0 || b.attr_count == 0 || b.attr_count > b.count)
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "numBatches must be at least 1, numAttrs at least 1 and at most numBatches");
  for (size_t i = 0; i < b.attr_count; ++i) {
    const size_t at = b.attr_indexes[i];
    if ((i == 0 && at != 0) || (i && at <= b.attr_indexes[i - 1]) || at >= b.count)
      return fail(ACL_ERROR_RT_PARAM_INVALID,
                  "attrsIndexes must begin with 0, rise, and stay below numBatches");
  }
  return 0;
}

// What attribute `a` says, if that is a direction of a batch.
int direction_of(const aclrtMemcpyBatchAttr& a, aclrtMemcpyKind* kind) {
  const bool from_host = a.srcLoc.type == ACL_MEM_LOCATION_TYPE_HOST;
  const bool to_host = a.dstLoc.type == ACL_MEM_LOCATION_TYPE_HOST;
  const bool other_is_device =
      (from_host ? a.dstLoc.type : a.srcLoc.type) == ACL_MEM_LOCATION_TYPE_DEVICE && from_host != to_host;
  if (!other_is_device)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "a batch copies between the host and a device");
  *kind = from_host ? ACL_MEMCPY_HOST_TO_DEVICE : ACL_MEMCPY_DEVICE_TO_HOST;
  return 0;
}

// Checks all before the first byte moves; `copy` is called for each.
template <class Copy>
int run(const Batch& b, Copy copy) {
  if (b.fail_index) *b.fail_index = SIZE_MAX;
  NPU_SIM_TRY(check_attributes(b));
  aclrtMemcpyKind kind{};
  for (size_t i = 0, a = 0; i < b.count; ++i) {
    if (a + 1 < b.attr_count && b.attr_indexes[a + 1] == i) ++a;
    aclrtMemcpyKind own{};
    int code = direction_of(b.attrs[a], &own);
    const void* device = own == ACL_MEMCPY_HOST_TO_DEVICE ? b.dsts[i] : b.srcs[i];
    const void* host = own == ACL_MEMCPY_HOST_TO_DEVICE ? b.srcs[i] : b.dsts[i];
    if (!code && i && own != kind)
      code = fail(ACL_ERROR_RT_PARAM_INVALID, "all copies of a batch have one direction");
    if (!code && (!host || is_device_address(host) || !owns(device, b.sizes[i], nullptr) || b.sizes[i] == 0))
      code = fail(ACL_ERROR_RT_PARAM_INVALID,
                  "copy " + std::to_string(i) +
                      " must be of at least one byte between host memory and device memory");
    if (code) {
      if (b.fail_index) *b.fail_index = i;
      return code;
    }
    kind = own;
  }
  for (size_t i = 0; i < b.count; ++i)
    NPU_SIM_TRY(copy(b.dsts[i], b.dest_maxs[i], b.srcs[i], b.sizes[i], kind));
  return ACL_SUCCESS;
}

}  // namespace

aclError aclrtMemcpyBatch(void** dsts, size_t* destMaxs, void** srcs, size_t* sizes, size_t numBatches,
                          aclrtMemcpyBatchAttr* attrs, size_t* attrsIndexes, size_t numAttrs,
                          size_t* failIndex) {
  return run({dsts, destMaxs, srcs, sizes, numBatches, attrs, attrsIndexes, numAttrs, failIndex},
             aclrtMemcpy);
}

aclError aclrtMemcpyBatchAsync(void** dsts, size_t* destMaxs, void** srcs, size_t* sizes, size_t numBatches,
                               aclrtMemcpyBatchAttr* attrs, size_t* attrsIndexes, size_t numAttrs,
                               size_t* failIndex, aclrtStream stream) {
  return run({dsts, destMaxs, srcs, sizes, numBatches, attrs, attrsIndexes, numAttrs, failIndex},
             [stream](void* dst, size_t max, const void* src, size_t size, aclrtMemcpyKind kind) {
               return aclrtMemcpyAsync(dst, max, src, size, kind, stream);
             });
}

// CANN documents it as aclrtMemcpyAsync, to the word.
aclError aclrtMemcpyAsyncWithCondition(void* dst, size_t destMax, const void* src, size_t count,
                                       aclrtMemcpyKind kind, aclrtStream stream) {
  return aclrtMemcpyAsync(dst, destMax, src, count, kind, stream);
}
