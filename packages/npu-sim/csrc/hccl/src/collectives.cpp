// The collectives that all ranks compute alike.
#include <cstring>

#include "collective.h"

using namespace npu_sim;
using namespace npu_sim::hccl;

namespace {

// Reduces to `root`, or to every rank.
HcclResult reduce_to(const char* name, HcclCMDType kind, void* send, void* recv, uint64_t count,
                     HcclDataType dtype, HcclReduceOp op, uint32_t root, bool everywhere, HcclComm handle,
                     aclrtStream stream) {
  Setup s;
  NPU_SIM_HCCL_TRY(find(handle, name, &s.comm));
  NPU_SIM_HCCL_TRY(check_type(name, count, dtype, &s));
  NPU_SIM_HCCL_TRY(check_reduction(name, dtype, op));
  NPU_SIM_HCCL_TRY(check_root(name, *s.comm, root));
  if (count == 0) return HCCL_SUCCESS;
  const bool takes = everywhere || s.comm->rank == root;
  std::vector<Operand> operands{{"sendBuf", send, count * s.element}};
  if (takes) operands.push_back({"recvBuf", recv, count * s.element});
  const Pieces pieces{count, kRoundBytes / s.element};
  const size_t e = s.element;
  Rounds rounds{pieces.count(), nullptr, nullptr};
  rounds.fill = [=](uint64_t i, char* own) {
    std::memcpy(own, bytes_at(send) + pieces.begin(i) * e, pieces.size(i) * e);
  };
  if (takes)
    rounds.take = [=, comm = s.comm.get()](uint64_t i, const Buffers& buffer) {
      reduce_buffers(*comm, buffer, 0, bytes_at(recv) + pieces.begin(i) * e, pieces.size(i), dtype, op);
    };
  return submit(s, name, stream, std::move(operands), call_of(kind, count, dtype, op, root),
                std::move(rounds));
}

}  // namespace

HcclResult HcclAllReduce(void* sendBuf, void* recvBuf, uint64_t count, HcclDataType dataType, HcclReduceOp op,
                         HcclComm comm, aclrtStream stream) {
  return reduce_to("HcclAllReduce", HCCL_CMD_ALLREDUCE, sendBuf, recvBuf, count, dataType, op, 0, true, comm,
                   stream);
}

HcclResult HcclReduce(void* sendBuf, void* recvBuf, uint64_t count, HcclDataType dataType, HcclReduceOp op,
                      uint32_t root, HcclComm comm, aclrtStream stream) {
  return reduce_to("HcclReduce", HCCL_CMD_REDUCE, sendBuf, recvBuf, count, dataType, op, root, false, comm,
                   stream);
}

HcclResult HcclBroadcast(void* buf, uint64_t count, HcclDataType dataType, uint32_t root, HcclComm comm,
                         aclrtStream stream) {
  constexpr const char* name = "HcclBroadcast";
  Setup s;
  NPU_SIM_HCCL_TRY(find(comm, name, &s.comm));
  NPU_SIM_HCCL_TRY(check_type(name, count, dataType, &s));
  NPU_SIM_HCCL_TRY(check_root(name, *s.comm, root));
  if (count == 0) return HCCL_SUCCESS;
  const size_t e = s.element;
  const Pieces pieces{count, kRoundBytes / e};
  Rounds rounds{pieces.count(), nullptr, nullptr};
  if (s.comm->rank == root)
    rounds.fill = [=](uint64_t i, char* own) {
      std::memcpy(own, bytes_at(buf) + pieces.begin(i) * e, pieces.size(i) * e);
    };
  else
    rounds.take = [=](uint64_t i, const Buffers& buffer) {
      std::memcpy(bytes_at(buf) + pieces.begin(i) * e, buffer(root), pieces.size(i) * e);
    };
  return submit(s, name, stream, {{"buf", buf, count * e}},
                call_of(HCCL_CMD_BROADCAST, count, dataType, kNoOp, root), std::move(rounds));
}

HcclResult HcclAllGather(void* sendBuf, void* recvBuf, uint64_t sendCount, HcclDataType dataType,
                         HcclComm comm, aclrtStream stream) {
  constexpr const char* name = "HcclAllGather";
  Setup s;
  NPU_SIM_HCCL_TRY(find(comm, name, &s.comm));
  NPU_SIM_HCCL_TRY(check_type(name, sendCount, dataType, &s));
  if (sendCount == 0) return HCCL_SUCCESS;
  const size_t e = s.element;
  const uint32_t ranks = s.comm->size;
  const Pieces pieces{sendCount, kRoundBytes / e};
  Rounds rounds{pieces.count(), nullptr, nullptr};
  rounds.fill = [=](uint64_t i, char* own) {
    std::memcpy(own, bytes_at(sendBuf) + pieces.begin(i) * e, pieces.size(i) * e);
  };
  rounds.take = [=](uint64_t i, const Buffers& buffer) {
    for (uint32_t r = 0; r < ranks; ++r)
      std::memcpy(bytes_at(recvBuf) + (r * sendCount + pieces.begin(i)) * e, buffer(r), pieces.size(i) * e);
  };
  return submit(s, name, stream,
                {{"sendBuf", sendBuf, sendCount * e}, {"recvBuf", recvBuf, ranks * sendCount * e}},
                call_of(HCCL_CMD_ALLGATHER, sendCount, dataType), std::move(rounds));
}

HcclResult HcclReduceScatter(void* sendBuf, void* recvBuf, uint64_t recvCount, HcclDataType dataType,
                             HcclReduceOp op, HcclComm comm, aclrtStream stream) {
  constexpr const char* name = "HcclReduceScatter";
  Setup s;
  NPU_SIM_HCCL_TRY(find(comm, name, &s.comm));
  NPU_SIM_HCCL_TRY(check_type(name, recvCount, dataType, &s));
  NPU_SIM_HCCL_TRY(check_reduction(name, dataType, op));
  if (recvCount == 0) return HCCL_SUCCESS;
  const size_t e = s.element;
  const uint32_t ranks = s.comm->size;
  const uint64_t part = kRoundBytes / ranks / e;  // elements for one rank in one round
  const Pieces pieces{recvCount, part};
  Rounds rounds{pieces.count(), nullptr, nullptr};
  rounds.fill = [=](uint64_t i, char* own) {
    for (uint32_t r = 0; r < ranks; ++r)
      std::memcpy(own + r * part * e, bytes_at(sendBuf) + (r * recvCount + pieces.begin(i)) * e,
                  pieces.size(i) * e);
  };
  rounds.take = [=, c = s.comm.get()](uint64_t i, const Buffers& buffer) {
    reduce_buffers(*c, buffer, c->rank * part * e, bytes_at(recvBuf) + pieces.begin(i) * e, pieces.size(i),
                   dataType, op);
  };
  return submit(s, name, stream,
                {{"sendBuf", sendBuf, ranks * recvCount * e}, {"recvBuf", recvBuf, recvCount * e}},
                call_of(HCCL_CMD_REDUCE_SCATTER, recvCount, dataType, op), std::move(rounds));
}

HcclResult HcclScatter(void* sendBuf, void* recvBuf, uint64_t recvCount, HcclDataType dataType, uint32_t root,
                       HcclComm comm, aclrtStream stream) {
  constexpr const char* name = "HcclScatter";
  Setup s;
  NPU_SIM_HCCL_TRY(find(comm, name, &s.comm));
  NPU_SIM_HCCL_TRY(check_type(name, recvCount, dataType, &s));
  NPU_SIM_HCCL_TRY(check_root(name, *s.comm, root));
  if (recvCount == 0) return HCCL_SUCCESS;
  const size_t e = s.element;
  const uint32_t ranks = s.comm->size, rank = s.comm->rank;
  const uint64_t part = kRoundBytes / ranks / e;
  const Pieces pieces{recvCount, part};
  std::vector<Operand> operands{{"recvBuf", recvBuf, recvCount * e}};
  Rounds rounds{pieces.count(), nullptr, nullptr};
  if (rank == root) {
    operands.push_back({"sendBuf", sendBuf, ranks * recvCount * e});
    rounds.fill = [=](uint64_t i, char* own) {
      for (uint32_t r = 0; r < ranks; ++r)
        std::memcpy(own + r * part * e, bytes_at(sendBuf) + (r * recvCount + pieces.begin(i)) * e,
                    pieces.size(i) * e);
    };
  }
  rounds.take = [=](uint64_t i, const Buffers& buffer) {
    std::memcpy(bytes_at(recvBuf) + pieces.begin(i) * e, buffer(root) + rank * part * e, pieces.size(i) * e);
  };
  return submit(s, name, stream, std::move(operands),
                call_of(HCCL_CMD_SCATTER, recvCount, dataType, kNoOp, root), std::move(rounds));
}

HcclResult HcclBarrier(HcclComm comm, aclrtStream stream) {
  constexpr const char* name = "HcclBarrier";
  Setup s;
  NPU_SIM_HCCL_TRY(find(comm, name, &s.comm));
  return submit(s, name, stream, {}, call_of(HCCL_CMD_BARRIER, 0, HCCL_DATA_TYPE_RESERVED), Rounds{});
}
