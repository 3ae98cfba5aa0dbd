// SPDX-License-Identifier: BSD-3-Clause
// The static description of one operator, as the generator writes it from npu-cann's signatures.
#pragma once

#include <cstdint>
#include <string>

#include "npu/cann/nnopbase.h"
#include "npu_sim/api.h"

namespace npu_sim::nnop {

class Call;

enum class Kind : uint8_t {
  tensor,
  tensors,
  scalar,
  scalars,
  ints,
  bools,
  floats,
  string,  // handles and pointers
  dtype,
  int64,
  int32,
  int8,
  uint64,
  boolean,
  float64,
  float32,  // numbers
};

enum class Direction : uint8_t { in, out, inout };

struct Param {
  const char* name;
  Kind kind;
  Direction direction;
  uint64_t dtypes;  // bit of each accepted aclDataType; 0: nothing is known, so all are accepted

  bool is_input() const { return direction != Direction::out; }
  bool is_output() const { return direction != Direction::in; }
};

// What runs for an operator. The functions live in libopapi; nothing here knows of torch.
struct Kernel {
  // Computes on the stream's worker. Throws what went wrong on the device, or NotSimulated.
  void (*run)(const Call&) = nullptr;
  // Checks shapes and values in the first phase; throws Refusal. Never null.
  void (*check)(const Call&) = nullptr;
  // Bytes of workspace. May be null: none.
  uint64_t (*workspace)(const Call&) = nullptr;
  // Bit of each parameter that may be null although its name does not end in "Optional".
  uint64_t nullable = 0;
  // Bit of each parameter that may be a tensor in a private format. The device refuses the others.
  uint64_t private_formats = 0;
};

struct Operator {
  const char* name;
  const Param* params;
  uint32_t count;
  uint32_t products;  // bits of Product; 0: unknown, so none is refused
  bool data_dependent;
  const Kernel* kernel;
  // In place by a kernel with an output: the index of that output, which is the first tensor again; 0: none.
  uint32_t again = 0;

  bool is_again(uint32_t i) const { return again != 0 && i == again; }
};

// Product families, as bits.
enum Product : uint32_t {
  kA2 = 1,
  kA3 = 2,
  k910 = 4,
  k310P = 8,
  k310B = 16,
  kAscend950 = 32,
};

// The two phases, for the generated exports: `words` holds each argument in a word (pointers, integers, the
// bits of a double). Never throw.
NPU_SIM_API aclnnStatus prepare(const Operator& op, const uint64_t* words, uint64_t* workspace_size,
                                aclOpExecutor** executor);
NPU_SIM_API aclnnStatus launch(const Operator& op, void* workspace, uint64_t workspace_size,
                               aclOpExecutor* executor, aclrtStream stream);

}  // namespace npu_sim::nnop
