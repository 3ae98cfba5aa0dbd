// The activity half of the interface.
#include "abi.h"

#include <array>

#include "buffers.h"
#include "domains.h"
#include "preload.h"
#include "recorder.h"

using namespace npu_sim::mspti;

namespace {

// By kind; 0: no such kind.
constexpr std::array<size_t, MSPTI_ACTIVITY_KIND_COUNT> kRecordSize{
    0,
    sizeof(msptiActivityMarker),
    sizeof(msptiActivityKernel),
    sizeof(msptiActivityApi),
    sizeof(msptiActivityHccl),
    sizeof(msptiActivityMemory),
    sizeof(msptiActivityMemset),
    sizeof(msptiActivityMemcpy),
    sizeof(msptiActivityExternalCorrelation),
    sizeof(msptiActivityCommunication),
    sizeof(msptiActivityApi),
    sizeof(msptiActivityApi),
    sizeof(msptiActivityApi),
};

bool known(msptiActivityKind kind) {
  return kind > MSPTI_ACTIVITY_KIND_INVALID && kind < MSPTI_ACTIVITY_KIND_COUNT;
}

}  // namespace

msptiResult msptiActivityRegisterCallbacks(msptiBuffersCallbackRequestFunc funcBufferRequested,
                                           msptiBuffersCallbackCompleteFunc funcBufferCompleted) {
  if (!funcBufferRequested || !funcBufferCompleted) return MSPTI_ERROR_INVALID_PARAMETER;
  Buffers::instance().open(funcBufferRequested, funcBufferCompleted);
  return MSPTI_SUCCESS;
}

msptiResult msptiActivityEnable(msptiActivityKind kind) {
  if (!known(kind)) return MSPTI_ERROR_INVALID_PARAMETER;
  if (needs_preload(kind) && !preloaded()) return MSPTI_ERROR_WITHOUT_LD_PRELOAD;
  Recorder::instance().enable(kind, true);
  return MSPTI_SUCCESS;
}

msptiResult msptiActivityDisable(msptiActivityKind kind) {
  if (!known(kind)) return MSPTI_ERROR_INVALID_PARAMETER;
  Recorder::instance().enable(kind, false);
  return MSPTI_SUCCESS;
}

bool msptiActivityIsEnabled(msptiActivityKind kind) {
  return known(kind) && Recorder::instance().enabled(kind);
}

// Where a thread is in a buffer is the library's to know, as in CANN: `record` is an output only.
msptiResult msptiActivityGetNextRecord(uint8_t* buffer, size_t validBufferSizeBytes, msptiActivity** record) {
  static thread_local const uint8_t* in = nullptr;
  static thread_local size_t at = 0;
  if (!buffer || !record) return MSPTI_ERROR_INVALID_PARAMETER;
  if (in != buffer) at = 0;
  in = buffer;
  if (at >= validBufferSizeBytes) {
    in = nullptr;
    return MSPTI_ERROR_MAX_LIMIT_REACHED;
  }
  auto* found = reinterpret_cast<msptiActivity*>(buffer + at);
  if (!known(found->kind)) {
    in = nullptr;
    return MSPTI_ERROR_INVALID_PARAMETER;
  }
  *record = found;
  at += kRecordSize[found->kind];
  return MSPTI_SUCCESS;
}

msptiResult msptiActivityFlushAll(uint32_t) {
  Buffers::instance().flush();
  return MSPTI_SUCCESS;
}

msptiResult msptiActivityFlushPeriod(uint32_t time) {
  Buffers::instance().flush_every(time);
  return MSPTI_SUCCESS;
}

msptiResult msptiActivityPushExternalCorrelationId(msptiExternalCorrelationKind kind, uint64_t id) {
  return push_external(kind, id);
}

msptiResult msptiActivityPopExternalCorrelationId(msptiExternalCorrelationKind kind, uint64_t* lastId) {
  return pop_external(kind, lastId);
}

msptiResult msptiActivityEnableMarkerDomain(const char* name) {
  if (!name) return MSPTI_ERROR_INVALID_PARAMETER;
  enable_domain(name, true);
  return MSPTI_SUCCESS;
}

msptiResult msptiActivityDisableMarkerDomain(const char* name) {
  if (!name) return MSPTI_ERROR_INVALID_PARAMETER;
  enable_domain(name, false);
  return MSPTI_SUCCESS;
}
