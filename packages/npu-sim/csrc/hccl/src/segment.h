// SPDX-License-Identifier: BSD-3-Clause
// The memory that the ranks of one communicator share: a sparse memfd of the process that called
// HcclGetRootInfo. The others open it through /proc, so that nothing has a name that could stay behind, and
// the kernel frees it with its last user, however that ended.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "process.h"
#include "result.h"

namespace npu_sim::hccl {

// One rank's share of a collective's round, and one message's share of a channel.
inline constexpr size_t kRoundBytes = size_t{1} << 20;
inline constexpr size_t kChannelBytes = size_t{1} << 18;

// What a rank called: all ranks must have called the same.
struct Call {
  uint32_t kind;  // HcclCMDType
  uint32_t dtype;
  uint32_t op;
  uint32_t root;
  uint64_t count;
  uint64_t number;  // of the rank's collectives
  bool operator==(const Call&) const = default;
};

enum class Presence : uint32_t { absent = 0, attached = 1, left = 2 };

struct alignas(64) RankSlot {
  std::atomic<uint32_t> presence;
  int32_t device;  // as the machine numbers it
  ProcessId process;
  alignas(64) std::atomic<uint64_t> round;  // rounds that this rank has published
  Call calls[2];                            // of even and odd calls: peers read one while it writes the other
  alignas(64) std::atomic<uint32_t> doorbell;  // rung when a channel from or to this rank changed
};

// Messages of one rank to one other: a ring of two parts.
struct alignas(64) Channel {
  struct Part {
    uint64_t count;  // elements of the whole message
    uint32_t dtype;
    uint32_t bytes;  // of this part
  };
  std::atomic<uint64_t> written;
  alignas(64) std::atomic<uint64_t> read;
  alignas(64) Part parts[2];
};

// A communicator of some of the ranks on its way: its first rank puts the root info here for the others.
struct Child {
  std::atomic<uint64_t> id;  // 0: free
  std::atomic<uint32_t> ready;
  char info[64];  // what of HcclRootInfo is used
};

struct SegmentHeader {
  uint64_t magic;
  uint64_t nonce;
  std::atomic<uint32_t> ranks;    // 0 until the first one joined
  std::atomic<uint32_t> gate;     // rung at every publication
  std::atomic<uint32_t> failure;  // 0 none, 1 being written, 2 readable
  uint32_t failed_code;
  uint32_t failed_rank;
  char failed_text[1024];
  Child children[16];
};

// One mapping a process, shared by all ranks in it.
class Segment {
 public:
  // Makes a new one in this process and names it in `info`.
  static HcclResult create(HcclRootInfo* info);
  static constexpr size_t kInfoBytes = sizeof Child::info;
  // Closes the file of `info` if this process made it: to be called when every rank has joined, so that the
  // memory goes with the communicator.
  static void close_root(const HcclRootInfo& info);
  // Maps what `info` names for `ranks` ranks.
  static HcclResult join(const HcclRootInfo& info, uint32_t ranks, std::shared_ptr<Segment>* segment);

  Segment(char* base, size_t bytes, uint32_t ranks) : base_(base), bytes_(bytes), ranks_(ranks) {}
  Segment(const Segment&) = delete;  // owns a mapping
  ~Segment();

  uint32_t ranks() const { return ranks_; }
  SegmentHeader& header() { return *reinterpret_cast<SegmentHeader*>(base_); }
  RankSlot& slot(uint32_t rank);
  Channel& channel(uint32_t from, uint32_t to);
  char* round_buffer(uint32_t rank, uint64_t round);
  char* channel_buffer(uint32_t from, uint32_t to, uint64_t part);

 private:
  char* const base_;
  const size_t bytes_;
  const uint32_t ranks_;
};

}  // namespace npu_sim::hccl
