// SPDX-License-Identifier: BSD-3-Clause
#include "npu_sim/nnop/format.h"

#include <algorithm>

#include "living.h"

namespace npu_sim::nnop {

namespace {

constexpr int64_t kRows = 16;  // of a block, whatever the dtype

int64_t blocks(int64_t n, int64_t of) { return (n + of - 1) / of; }

struct Name {
  aclFormat format;
  const char* name;
};
constexpr Name kPrivate[] = {
    {ACL_FORMAT_NC1HWC0, "NC1HWC0"},
    {ACL_FORMAT_FRACTAL_Z, "FRACTAL_Z"},
    {ACL_FORMAT_NC1HWC0_C04, "NC1HWC0_C04"},
    {ACL_FORMAT_FRACTAL_NZ, "FRACTAL_NZ"},
    {ACL_FORMAT_NDC1HWC0, "NDC1HWC0"},
    {ACL_FRACTAL_Z_3D, "FRACTAL_Z_3D"},
    {ACL_FORMAT_FRACTAL_NZ_C0_16, "FRACTAL_NZ_C0_16"},
    {ACL_FORMAT_FRACTAL_NZ_C0_32, "FRACTAL_NZ_C0_32"},
    {ACL_FORMAT_FRACTAL_NZ_C0_2, "FRACTAL_NZ_C0_2"},
    {ACL_FORMAT_FRACTAL_NZ_C0_4, "FRACTAL_NZ_C0_4"},
    {ACL_FORMAT_FRACTAL_NZ_C0_8, "FRACTAL_NZ_C0_8"},
};

BlockedLayout matrix_blocks(std::span<const int64_t> sizes, int64_t c0) {
  const size_t n = sizes.size();
  const int64_t h = blocks(sizes[n - 2], kRows), w = blocks(sizes[n - 1], c0);
  BlockedLayout l;
  l.padded.assign(sizes.begin(), sizes.end() - 2);
  l.cut = l.storage = l.padded;
  l.padded.insert(l.padded.end(), {h * kRows, w * c0});
  l.cut.insert(l.cut.end(), {h, kRows, w, c0});
  l.storage.insert(l.storage.end(), {w, h, kRows, c0});
  for (size_t d = 0; d < n - 2; ++d) l.order.push_back(static_cast<int64_t>(d));
  const auto first = static_cast<int64_t>(n - 2);
  l.order.insert(l.order.end(), {first + 2, first, first + 1, first + 3});
  return l;
}

}  // namespace

bool is_private(aclFormat format) {
  return std::any_of(std::begin(kPrivate), std::end(kPrivate),
                     [&](const Name& n) { return n.format == format; });
}

std::string format_name(aclFormat format) {
  for (const Name& n : kPrivate)
    if (n.format == format) return n.name;
  return std::to_string(static_cast<int>(format));
}

std::optional<BlockedLayout> blocked(aclFormat format, std::span<const int64_t> s, int64_t c0) {
  if (c0 <= 0) return std::nullopt;
  const auto c = [&] { return blocks(s[1], c0); };
  const auto n = [&] { return blocks(s[0], kRows); };
  switch (static_cast<int>(format)) {
    case ACL_FORMAT_FRACTAL_NZ:
    case ACL_FORMAT_FRACTAL_NZ_C0_16:
    case ACL_FORMAT_FRACTAL_NZ_C0_32:
      if (s.size() < 2) return std::nullopt;
      return matrix_blocks(s, c0);
    case ACL_FORMAT_NC1HWC0:
      if (s.size() != 4) return std::nullopt;
      return BlockedLayout{{s[0], c() * c0, s[2], s[3]},
                           {s[0], c(), c0, s[2], s[3]},
                           {0, 1, 3, 4, 2},
                           {s[0], c(), s[2], s[3], c0}};
    case ACL_FORMAT_NDC1HWC0:
      if (s.size() != 5) return std::nullopt;
      return BlockedLayout{{s[0], c() * c0, s[2], s[3], s[4]},
                           {s[0], c(), c0, s[2], s[3], s[4]},
                           {0, 3, 1, 4, 5, 2},
                           {s[0], s[2], c(), s[3], s[4], c0}};
    case ACL_FORMAT_FRACTAL_Z:
      if (s.size() != 4) return std::nullopt;
      return BlockedLayout{{n() * kRows, c() * c0, s[2], s[3]},
                           {n(), kRows, c(), c0, s[2], s[3]},
                           {2, 4, 5, 0, 1, 3},
                           {c() * s[2] * s[3], n(), kRows, c0}};
    case 33:  // FRACTAL_Z_3D
      if (s.size() != 5) return std::nullopt;
      return BlockedLayout{{n() * kRows, c() * c0, s[2], s[3], s[4]},
                           {n(), kRows, c(), c0, s[2], s[3], s[4]},
                           {4, 2, 5, 6, 0, 1, 3},
                           {s[2] * c() * s[3] * s[4], n(), kRows, c0}};
    default:
      return std::nullopt;
  }
}

std::optional<PrivateView> private_view(aclFormat format, std::span<const int64_t> sizes,
                                        std::span<const int64_t> strides, int64_t offset,
                                        std::span<const int64_t> storage) {
  if (offset != 0 || storage.empty() || sizes.size() < 2) return std::nullopt;
  for (const bool transposed : {false, true}) {
    std::vector<int64_t> base(sizes.begin(), sizes.end()), steps(strides.begin(), strides.end());
    if (transposed) {
      std::swap(base[base.size() - 1], base[base.size() - 2]);
      std::swap(steps[steps.size() - 1], steps[steps.size() - 2]);
    }
    bool contiguous = true;
    int64_t step = 1;
    for (size_t d = base.size(); d-- > 0; step *= base[d]) contiguous &= base[d] == 1 || steps[d] == step;
    const auto layout = contiguous ? blocked(format, base, storage.back()) : std::nullopt;
    if (layout && std::equal(layout->storage.begin(), layout->storage.end(), storage.begin(), storage.end()))
      return PrivateView{std::move(base), transposed};
  }
  return std::nullopt;
}

bool is_tensor(const aclTensor* tensor) { return living(tensor); }

}  // namespace npu_sim::nnop
