#include "rounds.h"

#include "dtype.h"
#include "futex.h"

namespace npu_sim::hccl {
namespace {

const char* kind_name(uint32_t kind) {
  switch (kind) {
    case HCCL_CMD_BROADCAST:
      return "HcclBroadcast";
    case HCCL_CMD_ALLREDUCE:
      return "HcclAllReduce";
    case HCCL_CMD_REDUCE:
      return "HcclReduce";
    case HCCL_CMD_ALLGATHER:
      return "HcclAllGather";
    case HCCL_CMD_REDUCE_SCATTER:
      return "HcclReduceScatter";
    case HCCL_CMD_ALLGATHER_V:
      return "HcclAllGatherV";
    case HCCL_CMD_REDUCE_SCATTER_V:
      return "HcclReduceScatterV";
    case HCCL_CMD_SCATTER:
      return "HcclScatter";
    case HCCL_CMD_BARRIER:
      return "HcclBarrier";
    default:
      return "another operation";
  }
}

std::string describe(const Call& c) {
  std::string text = kind_name(c.kind);
  if (c.kind == HCCL_CMD_BARRIER) return text + "()";
  text += "(count=" + std::to_string(c.count) + ", " + dtype_name(static_cast<HcclDataType>(c.dtype));
  if (c.op != HCCL_REDUCE_RESERVED) text += std::string(", ") + op_name(static_cast<HcclReduceOp>(c.op));
  if (c.kind == HCCL_CMD_BROADCAST || c.kind == HCCL_CMD_REDUCE || c.kind == HCCL_CMD_SCATTER)
    text += ", root=" + std::to_string(c.root);
  return text + ")";
}

HcclResult check_agreement(Communicator& comm, const char* name, const Call& own) {
  for (uint32_t r = 0; r < comm.size; ++r) {
    const Call& other = comm.segment().slot(r).calls[own.number % 2];
    if (other == own) continue;
    return comm.fail(HCCL_E_PARA, std::string(name) + ": ranks disagree in collective number " +
                                      std::to_string(own.number) + " of the communicator: rank " +
                                      std::to_string(comm.rank) + " called " + describe(own) + ", rank " +
                                      std::to_string(r) + " called " + describe(other));
  }
  return HCCL_SUCCESS;
}

}  // namespace

HcclResult run_rounds(Communicator& comm, const char* name, Call call, const Rounds& rounds) {
  Segment& segment = comm.segment();
  RankSlot& slot = segment.slot(comm.rank);
  call.number = comm.calls++;
  slot.calls[call.number % 2] = call;
  const std::string what = describe(call);
  for (uint64_t i = 0; i < rounds.count; ++i) {
    const uint64_t round = ++comm.rounds;
    if (rounds.fill) rounds.fill(i, segment.round_buffer(comm.rank, round));
    slot.round.store(round, std::memory_order_release);
    futex_ring(segment.header().gate);
    auto missing = [&] {
      Communicator::Ranks ranks;
      for (uint32_t r = 0; r < comm.size; ++r)
        if (segment.slot(r).round.load(std::memory_order_acquire) < round) ranks.push_back(r);
      return ranks;
    };
    NPU_SIM_HCCL_TRY(comm.wait(what.c_str(), segment.header().gate, missing, comm.timeout));
    if (i == 0) NPU_SIM_HCCL_TRY(check_agreement(comm, name, call));
    if (rounds.take) rounds.take(i, [&](uint32_t r) { return segment.round_buffer(r, round); });
  }
  return HCCL_SUCCESS;
}

}  // namespace npu_sim::hccl
