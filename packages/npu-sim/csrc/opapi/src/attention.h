// SPDX-License-Identifier: BSD-3-Clause
// Attention in one operator: softmax(mask(scale * q k^T)) v, its layouts, masks and gradients.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "npu_sim/nnop/call.h"

namespace npu_sim::ops::attention {

using nnop::Call;

// How 'sparseMode' hides scores. The compressed modes take a mask of a fixed size and hide by position.
enum Sparse : int64_t {
  kDefault = 0,           // the mask, within the band of 'preTokens' and 'nextTokens' from the upper left
  kAll = 1,               // the mask
  kLeftUp = 2,            // above the diagonal from the upper left
  kRightDown = 3,         // above the diagonal to the lower right
  kBand = 4,              // outside of the band from the lower right
  kPrefix = 5,            // the mask
  kPrefixCompressed = 6,  // as kRightDown, but for the first 'prefix' columns
};

// The sizes of a call, whatever its layout.
struct Sizes {
  int64_t batch, heads, heads_kv, q, kv, dim, dim_v;  // q and kv: of TND the totals
};

bool is_tnd(const Call& c);
// Throws nnop::Refusal for tensors that do not have the layout.
Sizes sizes(const Call& c);

// Rows [q, q + q_len) and [kv, kv + kv_len) attend to each other.
struct Sequence {
  int64_t q, q_len, kv, kv_len;
};
// Of TND by the cumulative lengths; else one, which stands for all of the batch.
std::vector<Sequence> sequences(const Call& c, const Sizes& s);

// The kernels: of every version of aclnnFlashAttention*Score and *Grad.
void forward(const Call& c);
void backward(const Call& c);

}  // namespace npu_sim::ops::attention
