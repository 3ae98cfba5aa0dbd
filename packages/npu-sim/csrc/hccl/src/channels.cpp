#include "channels.h"

#include <algorithm>
#include <cstring>

#include "dtype.h"
#include "futex.h"

namespace npu_sim::hccl {
namespace {

// Puts as many parts as there is room for; whether anything moved.
bool step_send(Communicator& comm, Message& m) {
  Segment& segment = comm.segment();
  Channel& c = segment.channel(comm.rank, m.peer);
  bool moved = false;
  while (m.moved < m.bytes || m.last_part == 0) {
    const uint64_t part = c.written.load(std::memory_order_relaxed);
    if (part - c.read.load(std::memory_order_acquire) >= 2) return moved;
    const uint64_t n = std::min<uint64_t>(kChannelBytes, m.bytes - m.moved);
    std::memcpy(segment.channel_buffer(comm.rank, m.peer, part), m.data + m.moved, n);
    c.parts[part % 2] = {m.count, static_cast<uint32_t>(m.dtype), static_cast<uint32_t>(n)};
    c.written.store(part + 1, std::memory_order_release);
    futex_ring(segment.slot(m.peer).doorbell);
    m.moved += n;
    m.last_part = part + 1;
    moved = true;
  }
  m.over = c.read.load(std::memory_order_acquire) >= m.last_part;
  return moved || m.over;
}

HcclResult step_receive(Communicator& comm, const char* name, Message& m, bool* moved) {
  Segment& segment = comm.segment();
  Channel& c = segment.channel(m.peer, comm.rank);
  while (!m.over) {
    const uint64_t part = c.read.load(std::memory_order_relaxed);
    if (c.written.load(std::memory_order_acquire) == part) return HCCL_SUCCESS;
    const Channel::Part& p = c.parts[part % 2];
    if (p.count != m.count || p.dtype != static_cast<uint32_t>(m.dtype))
      return comm.fail(HCCL_E_PARA, std::string(name) + ": rank " + std::to_string(m.peer) + " sent " +
                                        std::to_string(p.count) + " elements of " +
                                        dtype_name(static_cast<HcclDataType>(p.dtype)) + ", rank " +
                                        std::to_string(comm.rank) + " receives " + std::to_string(m.count) +
                                        " of " + dtype_name(m.dtype));
    std::memcpy(m.data + m.moved, segment.channel_buffer(m.peer, comm.rank, part), p.bytes);
    m.moved += p.bytes;
    c.read.store(part + 1, std::memory_order_release);
    futex_ring(segment.slot(m.peer).doorbell);
    m.over = m.moved == m.bytes;
    *moved = true;
  }
  return HCCL_SUCCESS;
}

}  // namespace

HcclResult run_messages(Communicator& comm, const char* name, std::vector<Message>& messages) {
  std::atomic<uint32_t>& doorbell = comm.segment().slot(comm.rank).doorbell;
  for (;;) {
    const uint32_t heard = doorbell.load();
    bool moved = false;
    Communicator::Ranks waits_for;
    std::vector<uint32_t> busy_to, busy_from;  // channels whose earlier message is not over
    for (Message& m : messages) {
      if (m.over) continue;
      auto& busy = m.send ? busy_to : busy_from;
      if (std::find(busy.begin(), busy.end(), m.peer) == busy.end()) {
        if (m.send)
          moved |= step_send(comm, m);
        else
          NPU_SIM_HCCL_TRY(step_receive(comm, name, m, &moved));
      }
      if (m.over) continue;
      busy.push_back(m.peer);
      waits_for.push_back(m.peer);
    }
    if (waits_for.empty()) return HCCL_SUCCESS;
    if (moved) continue;
    auto missing = [&] { return doorbell.load() == heard ? waits_for : Communicator::Ranks{}; };
    NPU_SIM_HCCL_TRY(comm.wait(name, doorbell, missing, comm.timeout));
  }
}

}  // namespace npu_sim::hccl
