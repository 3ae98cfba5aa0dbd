// Collectives whose parts differ in size between ranks. All ranks pass the same counts and displacements.
#include <cstring>
#include <numeric>

#include "collective.h"

using namespace npu_sim;
using namespace npu_sim::hccl;

namespace {

// Counts and displacements of a call, copied: the caller may change its own when the call returned.
struct Parts {
  std::vector<uint64_t> counts, at;
  uint64_t sum() const { return std::accumulate(counts.begin(), counts.end(), uint64_t{0}); }
  uint64_t longest() const { return *std::max_element(counts.begin(), counts.end()); }
  uint64_t end() const {
    uint64_t last = 0;
    for (size_t r = 0; r < counts.size(); ++r)
      if (counts[r]) last = std::max(last, at[r] + counts[r]);
    return last;
  }
};

Parts parts_of(const void* counts, const void* displacements, uint32_t ranks) {
  const auto *n = static_cast<const uint64_t*>(counts), *d = static_cast<const uint64_t*>(displacements);
  return {{n, n + ranks}, {d, d + ranks}};
}

}  // namespace

HcclResult HcclAllGatherV(void* sendBuf, uint64_t sendCount, void* recvBuf, const void* recvCounts,
                          const void* recvDispls, HcclDataType dataType, HcclComm comm, aclrtStream stream) {
  constexpr const char* name = "HcclAllGatherV";
  Setup s;
  NPU_SIM_HCCL_TRY(find(comm, name, &s.comm));
  NPU_SIM_HCCL_TRY(check_pointer(name, recvCounts, "recvCounts"));
  NPU_SIM_HCCL_TRY(check_pointer(name, recvDispls, "recvDispls"));
  const Parts parts = parts_of(recvCounts, recvDispls, s.comm->size);
  NPU_SIM_HCCL_TRY(check_type(name, parts.end(), dataType, &s));
  if (sendCount != parts.counts[s.comm->rank])
    return refuse(HCCL_E_PARA, std::string(name) + ": sendCount must be recvCounts of the own rank, found " +
                                   std::to_string(sendCount) + " and " +
                                   std::to_string(parts.counts[s.comm->rank]));
  if (parts.sum() == 0) return HCCL_SUCCESS;
  const size_t e = s.element;
  const uint64_t piece = kRoundBytes / e;
  std::vector<Operand> operands{{"recvBuf", recvBuf, parts.end() * e}};
  if (sendCount) operands.push_back({"sendBuf", sendBuf, sendCount * e});
  Rounds rounds{Pieces{parts.longest(), piece}.count(), nullptr, nullptr};
  rounds.fill = [=](uint64_t i, char* own) {
    const Pieces p{sendCount, piece};
    if (p.size(i)) std::memcpy(own, bytes_at(sendBuf) + p.begin(i) * e, p.size(i) * e);
  };
  rounds.take = [=](uint64_t i, const Buffers& buffer) {
    for (uint32_t r = 0; r < parts.counts.size(); ++r)
      if (const Pieces p{parts.counts[r], piece}; p.size(i))
        std::memcpy(bytes_at(recvBuf) + (parts.at[r] + p.begin(i)) * e, buffer(r), p.size(i) * e);
  };
  return submit(s, name, stream, std::move(operands), call_of(HCCL_CMD_ALLGATHER_V, parts.sum(), dataType),
                std::move(rounds));
}

HcclResult HcclReduceScatterV(void* sendBuf, const void* sendCounts, const void* sendDispls, void* recvBuf,
                              uint64_t recvCount, HcclDataType dataType, HcclReduceOp op, HcclComm comm,
                              aclrtStream stream) {
  constexpr const char* name = "HcclReduceScatterV";
  Setup s;
  NPU_SIM_HCCL_TRY(find(comm, name, &s.comm));
  NPU_SIM_HCCL_TRY(check_pointer(name, sendCounts, "sendCounts"));
  NPU_SIM_HCCL_TRY(check_pointer(name, sendDispls, "sendDispls"));
  const Parts parts = parts_of(sendCounts, sendDispls, s.comm->size);
  NPU_SIM_HCCL_TRY(check_type(name, parts.end(), dataType, &s));
  NPU_SIM_HCCL_TRY(check_reduction(name, dataType, op));
  if (recvCount != parts.counts[s.comm->rank])
    return refuse(HCCL_E_PARA, std::string(name) + ": recvCount must be sendCounts of the own rank, found " +
                                   std::to_string(recvCount) + " and " +
                                   std::to_string(parts.counts[s.comm->rank]));
  if (parts.sum() == 0) return HCCL_SUCCESS;
  const size_t e = s.element;
  const uint64_t piece = kRoundBytes / s.comm->size / e;
  std::vector<Operand> operands{{"sendBuf", sendBuf, parts.end() * e}};
  if (recvCount) operands.push_back({"recvBuf", recvBuf, recvCount * e});
  Rounds rounds{Pieces{parts.longest(), piece}.count(), nullptr, nullptr};
  rounds.fill = [=](uint64_t i, char* own) {
    for (uint32_t r = 0; r < parts.counts.size(); ++r)
      if (const Pieces p{parts.counts[r], piece}; p.size(i))
        std::memcpy(own + r * piece * e, bytes_at(sendBuf) + (parts.at[r] + p.begin(i)) * e, p.size(i) * e);
  };
  rounds.take = [=, c = s.comm.get()](uint64_t i, const Buffers& buffer) {
    const Pieces p{recvCount, piece};
    if (p.size(i))
      reduce_buffers(*c, buffer, c->rank * piece * e, bytes_at(recvBuf) + p.begin(i) * e, p.size(i), dataType,
                     op);
  };
  return submit(s, name, stream, std::move(operands),
                call_of(HCCL_CMD_REDUCE_SCATTER_V, parts.sum(), dataType, op), std::move(rounds));
}
