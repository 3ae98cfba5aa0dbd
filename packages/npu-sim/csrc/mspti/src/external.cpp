#include <array>
#include <vector>

#include "buffers.h"
#include "recorder.h"

namespace npu_sim::mspti {
namespace {

thread_local std::array<std::vector<uint64_t>, MSPTI_EXTERNAL_CORRELATION_KIND_SIZE> t_ids;

bool known(msptiExternalCorrelationKind kind) {
  return kind > MSPTI_EXTERNAL_CORRELATION_KIND_INVALID && kind < MSPTI_EXTERNAL_CORRELATION_KIND_SIZE;
}

}  // namespace

msptiResult push_external(msptiExternalCorrelationKind kind, uint64_t id) {
  if (!known(kind)) return MSPTI_ERROR_INVALID_PARAMETER;
  t_ids[kind].push_back(id);
  return MSPTI_SUCCESS;
}

msptiResult pop_external(msptiExternalCorrelationKind kind, uint64_t* last) {
  if (!known(kind)) return MSPTI_ERROR_INVALID_PARAMETER;
  auto& ids = t_ids[kind];
  if (ids.empty()) return MSPTI_ERROR_QUEUE_EMPTY;
  if (last) *last = ids.back();
  ids.pop_back();
  return MSPTI_SUCCESS;
}

void append_external(uint64_t correlation) {
  for (uint32_t kind = MSPTI_EXTERNAL_CORRELATION_KIND_UNKNOWN; kind < MSPTI_EXTERNAL_CORRELATION_KIND_SIZE;
       ++kind) {
    if (t_ids[kind].empty()) continue;
    const msptiActivityExternalCorrelation record{MSPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION,
                                                  static_cast<msptiExternalCorrelationKind>(kind),
                                                  t_ids[kind].back(), correlation};
    Buffers::instance().append(&record, sizeof record);
  }
}

}  // namespace npu_sim::mspti
