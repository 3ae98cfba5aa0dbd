// SPDX-License-Identifier: BSD-3-Clause
// Philox4x32-10, counter-based: position p of the sequence of a seed is always the same word, whoever
// computes it.
//
// The words of one operator are the positions from its offset on, one an element; where an element needs more
// bits, they come from the same position of another `stream` of the seed.
#pragma once

#include <cstdint>

namespace npu_sim::ops::philox {

inline constexpr int kLanes = 16;  // blocks computed side by side, so that the compiler vectorises the rounds

// Words 4 * block to 4 * (block + kLanes) - 1 of a stream.
inline void blocks(uint64_t seed, uint64_t block, uint32_t stream, uint32_t* out) {
  uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const uint64_t b = block + static_cast<uint64_t>(i);
    c0[i] = static_cast<uint32_t>(b);
    c1[i] = static_cast<uint32_t>(b >> 32);
    c2[i] = stream;
    c3[i] = 0;
  }
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kLanes; ++i) {
      const uint64_t a = uint64_t{0xD2511F53} * c0[i], b = uint64_t{0xCD9E8D57} * c2[i];
      c0[i] = static_cast<uint32_t>(b >> 32) ^ c1[i] ^ k0;
      c1[i] = static_cast<uint32_t>(b);
      c2[i] = static_cast<uint32_t>(a >> 32) ^ c3[i] ^ k1;
      c3[i] = static_cast<uint32_t>(a);
    }
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  for (int i = 0; i < kLanes; ++i) {
    out[4 * i] = c0[i];
    out[4 * i + 1] = c1[i];
    out[4 * i + 2] = c2[i];
    out[4 * i + 3] = c3[i];
  }
}

inline constexpr int64_t kChunk = 4096;

// Words of positions `first` to `first + n` of a stream, n at most kChunk. `out` holds kWords.
inline constexpr int64_t kWords = kChunk + 8 * kLanes;
inline const uint32_t* words(uint64_t seed, uint64_t first, uint32_t stream, int64_t n, uint32_t* out) {
  const uint64_t skip = first % 4;
  for (int64_t done = 0; done < n + static_cast<int64_t>(skip); done += 4 * kLanes)
    blocks(seed, first / 4 + static_cast<uint64_t>(done) / 4, stream, out + done);
  return out + skip;
}

}  // namespace npu_sim::ops::philox
