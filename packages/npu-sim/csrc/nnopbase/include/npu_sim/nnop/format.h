// SPDX-License-Identifier: BSD-3-Clause
// Private storage formats: how a tensor's elements lie in memory where its strides do not say it.
//
// A tensor of base sizes [.., h, w] in FRACTAL_NZ is a grid of blocks of 16 rows by C0 columns, 32 bytes
// wide:
// [.., w/C0, h/16, 16, C0], padded with zeros. The others are blocks of channels (and, of weights, outputs):
//   NC1HWC0   [n, c/C0, h, w, C0]             NDC1HWC0     [n, d, c/C0, h, w, C0]
//   FRACTAL_Z [c/C0 h w, n/16, 16, C0]        FRACTAL_Z_3D [d c/C0 h w, n/16, 16, C0]
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "npu/cann/nnopbase.h"
#include "npu_sim/api.h"

namespace npu_sim::nnop {

struct FlatTensor;

// Whether elements in this format lie otherwise than the strides say.
NPU_SIM_API bool is_private(aclFormat format);
// "FRACTAL_NZ"; the number of a format that has no name here.
NPU_SIM_API std::string format_name(aclFormat format);

// Base sizes, padded to whole blocks and cut into them. The cut sizes in the order `order` are the memory;
// its dims are `storage`, where some of them are one.
struct BlockedLayout {
  std::vector<int64_t> padded, cut, order, storage;
};
// None if the format has no such sizes.
NPU_SIM_API std::optional<BlockedLayout> blocked(aclFormat format, std::span<const int64_t> sizes,
                                                 int64_t c0);

// What a view of privately laid memory is: a tensor of `sizes`, its last two dims perhaps exchanged.
struct PrivateView {
  std::vector<int64_t> sizes;
  bool transposed;
};
// None unless sizes and strides are contiguous, or so with the last two dims exchanged, begin at the
// storage's first element, and have that storage in that format.
NPU_SIM_API std::optional<PrivateView> private_view(aclFormat format, std::span<const int64_t> sizes,
                                                    std::span<const int64_t> strides, int64_t offset,
                                                    std::span<const int64_t> storage);

// Whether it is a living descriptor, whatever address a client gave.
NPU_SIM_API bool is_tensor(const aclTensor* tensor);

}  // namespace npu_sim::nnop
