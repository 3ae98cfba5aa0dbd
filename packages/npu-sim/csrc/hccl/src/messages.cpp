// Point to point, and what is made of it.
#include <cstring>

#include "channels.h"
#include "dtype.h"
#include "job.h"
#include "npu_sim/memory.h"

using namespace npu_sim;
using namespace npu_sim::hccl;

namespace {

// One message as a caller describes it.
struct Item {
  bool send;
  uint32_t peer;
  const void* buffer;
  uint64_t count;
  HcclDataType dtype;
};

// Messages that a thread collects between HcclGroupStart and HcclGroupEnd: one exchange for each communicator
// and stream, so that two ranks may each send before they receive.
struct Group {
  struct Batch {
    std::shared_ptr<Communicator> comm;
    aclrtStream stream;
    std::vector<Item> items;
  };
  int depth = 0;
  std::vector<Batch> batches;

  void add(const std::shared_ptr<Communicator>& comm, aclrtStream stream, const std::vector<Item>& items) {
    for (Batch& b : batches)
      if (b.comm == comm && b.stream == stream) {
        b.items.insert(b.items.end(), items.begin(), items.end());
        return;
      }
    batches.push_back({comm, stream, items});
  }
};
thread_local Group t_group;

HcclResult check_item(const char* call, const Communicator& comm, const Item& item) {
  if (!element_size(item.dtype))
    return refuse(HCCL_E_NOT_SUPPORT, std::string(call) + ": " +
                                          std::to_string(static_cast<uint32_t>(item.dtype)) + " is no dtype");
  if (item.peer >= comm.size)
    return refuse(HCCL_E_PARA, std::string(call) + ": the peer must be below the " +
                                   std::to_string(comm.size) + " ranks, found " + std::to_string(item.peer));
  return HCCL_SUCCESS;
}

HcclResult exchange(const char* call, const std::shared_ptr<Communicator>& comm, aclrtStream stream,
                    const std::vector<Item>& items) {
  if (t_group.depth > 0) {
    for (const Item& item : items) NPU_SIM_HCCL_TRY(check_item(call, *comm, item));
    t_group.add(comm, stream, items);
    return HCCL_SUCCESS;
  }
  std::vector<Message> messages;
  std::vector<Operand> operands;
  std::vector<Line*> lines;
  auto join = [&lines](Line* line) {
    for (Line* l : lines)
      if (l == line) return;
    lines.push_back(line);
  };
  for (const Item& item : items) {
    NPU_SIM_HCCL_TRY(check_item(call, *comm, item));
    if (item.count == 0) continue;
    const uint64_t bytes = item.count * element_size(item.dtype);
    operands.push_back({item.send ? "sendBuf" : "recvBuf", item.buffer, bytes});
    auto* data = static_cast<char*>(const_cast<void*>(shadow(item.buffer)));
    messages.push_back({item.send, item.peer, data, item.count, item.dtype, bytes});
    join(item.send ? &comm->sends[item.peer] : &comm->receives[item.peer]);
  }
  if (messages.empty()) return HCCL_SUCCESS;
  return enqueue_job(comm, call, stream, lines, std::move(operands),
                     [c = comm.get(), call, messages = std::move(messages)] {
                       std::vector<Message> moving = messages;
                       return run_messages(*c, call, moving);
                     });
}

HcclResult check_peer_is_other(const char* call, const Communicator& comm, uint32_t peer) {
  if (peer != comm.rank || t_group.depth > 0) return HCCL_SUCCESS;
  return refuse(HCCL_E_PARA, std::string(call) + ": rank " + std::to_string(peer) +
                                 " cannot exchange a message with itself");
}

HcclResult require(const char* call, const void* p, const char* name) {
  return p ? HCCL_SUCCESS : refuse(HCCL_E_PTR, std::string(call) + ": " + name + " is null");
}

const char* plus(const void* buffer, uint64_t elements, HcclDataType dtype) {
  return static_cast<const char*>(buffer) + elements * element_size(dtype);
}

}  // namespace

HcclResult HcclSend(void* sendBuf, uint64_t count, HcclDataType dataType, uint32_t destRank, HcclComm comm,
                    aclrtStream stream) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclSend", &c));
  NPU_SIM_HCCL_TRY(check_peer_is_other("HcclSend", *c, destRank));
  return exchange("HcclSend", c, stream, {{true, destRank, sendBuf, count, dataType}});
}

HcclResult HcclRecv(void* recvBuf, uint64_t count, HcclDataType dataType, uint32_t srcRank, HcclComm comm,
                    aclrtStream stream) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclRecv", &c));
  NPU_SIM_HCCL_TRY(check_peer_is_other("HcclRecv", *c, srcRank));
  return exchange("HcclRecv", c, stream, {{false, srcRank, recvBuf, count, dataType}});
}

HcclResult HcclBatchSendRecv(HcclSendRecvItem* sendRecvInfo, uint32_t itemNum, HcclComm comm,
                             aclrtStream stream) {
  constexpr const char* name = "HcclBatchSendRecv";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  NPU_SIM_HCCL_TRY(require(name, sendRecvInfo, "sendRecvInfo"));
  std::vector<Item> items;
  for (const HcclSendRecvItem* i = sendRecvInfo; i != sendRecvInfo + itemNum; ++i) {
    if (i->sendRecvType != HCCL_SEND && i->sendRecvType != HCCL_RECV)
      return refuse(HCCL_E_PARA, std::string(name) + ": an item is neither HCCL_SEND nor HCCL_RECV");
    items.push_back({i->sendRecvType == HCCL_SEND, i->remoteRank, i->buf, i->count, i->dataType});
  }
  return exchange(name, c, stream, items);
}

HcclResult HcclAlltoAll(const void* sendBuf, uint64_t sendCount, HcclDataType sendType, const void* recvBuf,
                        uint64_t recvCount, HcclDataType recvType, HcclComm comm, aclrtStream stream) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclAlltoAll", &c));
  std::vector<Item> items;
  for (uint32_t r = 0; r < c->size; ++r) {
    items.push_back({true, r, plus(sendBuf, r * sendCount, sendType), sendCount, sendType});
    items.push_back({false, r, plus(recvBuf, r * recvCount, recvType), recvCount, recvType});
  }
  return exchange("HcclAlltoAll", c, stream, items);
}

HcclResult HcclAlltoAllV(const void* sendBuf, const void* sendCounts, const void* sdispls,
                         HcclDataType sendType, const void* recvBuf, const void* recvCounts,
                         const void* rdispls, HcclDataType recvType, HcclComm comm, aclrtStream stream) {
  constexpr const char* name = "HcclAlltoAllV";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  NPU_SIM_HCCL_TRY(require(name, sendCounts, "sendCounts"));
  NPU_SIM_HCCL_TRY(require(name, sdispls, "sdispls"));
  NPU_SIM_HCCL_TRY(require(name, recvCounts, "recvCounts"));
  NPU_SIM_HCCL_TRY(require(name, rdispls, "rdispls"));
  const auto *to = static_cast<const uint64_t*>(sendCounts), *to_at = static_cast<const uint64_t*>(sdispls);
  const auto *from = static_cast<const uint64_t*>(recvCounts),
             *from_at = static_cast<const uint64_t*>(rdispls);
  std::vector<Item> items;
  for (uint32_t r = 0; r < c->size; ++r) {
    items.push_back({true, r, plus(sendBuf, to_at[r], sendType), to[r], sendType});
    items.push_back({false, r, plus(recvBuf, from_at[r], recvType), from[r], recvType});
  }
  return exchange(name, c, stream, items);
}

HcclResult HcclAlltoAllVC(const void* sendBuf, const void* sendCountMatrix, HcclDataType sendType,
                          const void* recvBuf, HcclDataType recvType, HcclComm comm, aclrtStream stream) {
  constexpr const char* name = "HcclAlltoAllVC";
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, name, &c));
  NPU_SIM_HCCL_TRY(require(name, sendCountMatrix, "sendCountMatrix"));
  const auto* matrix = static_cast<const uint64_t*>(sendCountMatrix);  // [from, to]
  std::vector<Item> items;
  uint64_t sent = 0, received = 0;
  for (uint32_t r = 0; r < c->size; ++r) {
    const uint64_t to = matrix[c->rank * c->size + r], from = matrix[r * c->size + c->rank];
    items.push_back({true, r, plus(sendBuf, sent, sendType), to, sendType});
    items.push_back({false, r, plus(recvBuf, received, recvType), from, recvType});
    sent += to;
    received += from;
  }
  return exchange(name, c, stream, items);
}

HcclResult HcclGroupStart() {
  ++t_group.depth;
  return HCCL_SUCCESS;
}

// Answers the first error; the batches after it are not sent.
HcclResult HcclGroupEnd() {
  if (t_group.depth == 0)
    return refuse(HCCL_E_PARA, "HcclGroupEnd: HcclGroupStart was not called on this thread");
  if (--t_group.depth > 0) return HCCL_SUCCESS;
  const auto batches = std::move(t_group.batches);
  t_group.batches.clear();
  for (const Group::Batch& b : batches) NPU_SIM_HCCL_TRY(exchange("HcclGroupEnd", b.comm, b.stream, b.items));
  return HCCL_SUCCESS;
}
