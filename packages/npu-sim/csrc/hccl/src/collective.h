// SPDX-License-Identifier: BSD-3-Clause
// What every collective in rounds begins and ends with.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "dtype.h"
#include "job.h"
#include "npu_sim/memory.h"
#include "rounds.h"

namespace npu_sim::hccl {

inline constexpr uint32_t kNoOp = HCCL_REDUCE_RESERVED;

struct Setup {
  std::shared_ptr<Communicator> comm;
  size_t element = 0;  // bytes
};

// The checks that arguments of one kind need; each names `call` in its message.
HcclResult check_type(const char* call, uint64_t count, HcclDataType dtype, Setup* s);
HcclResult check_reduction(const char* call, HcclDataType dtype, HcclReduceOp op);
HcclResult check_root(const char* call, const Communicator& comm, uint32_t root);
HcclResult check_pointer(const char* call, const void* p, const char* name);

Call call_of(HcclCMDType kind, uint64_t count, HcclDataType dtype, uint32_t op = kNoOp, uint32_t root = 0);

// `total` elements in pieces of `piece`: the elements of piece `i`.
struct Pieces {
  uint64_t total, piece;
  uint64_t count() const { return (total + piece - 1) / piece; }
  uint64_t begin(uint64_t i) const { return i * piece; }
  uint64_t size(uint64_t i) const { return begin(i) >= total ? 0 : std::min(piece, total - begin(i)); }
};

HcclResult submit(const Setup& s, const char* name, aclrtStream stream, std::vector<Operand> operands,
                  Call call, Rounds rounds);

// Device memory as the simulator reads and writes it.
inline const char* bytes_at(const void* p) { return static_cast<const char*>(shadow(p)); }
inline char* bytes_at(void* p) { return static_cast<char*>(shadow(p)); }

using Buffers = std::function<const char*(uint32_t)>;

// `out` becomes the reduction of all ranks' `n` elements at `offset` bytes of their buffers.
void reduce_buffers(const Communicator& comm, const Buffers& buffer, size_t offset, void* out, uint64_t n,
                    HcclDataType dtype, HcclReduceOp op);

}  // namespace npu_sim::hccl
