// SPDX-License-Identifier: BSD-3-Clause
// What an error says about the work behind it.
//
// A device reports its errors at a later wait, and often says which operator failed but never for which
// shapes or line. So the launch thread keeps copies of its last operator calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "npu/core/launch_queue.h"

namespace npu {

// "aclnnAdd(float32[2, 3], ...) on npu:0, stream 0".
std::string describe_task(const TaskKind& kind, const void* payload, const detail::StreamState& stream);

struct Launched {
  std::string operation;  // as describe_task() says it
  Location where;
};

// The lines of an error about work that failed where it was enqueued. Takes the GIL.
std::string explain_now(const Launched& culprit);
// The same about work that failed later.
std::string explain_delay(const Location& location);
// The same about work that the device failed to do, and `suspects`, newest first.
std::string explain_suspects(const std::vector<Launched>& suspects);

// Touched by the launch thread only (in the inline modes: under the queue's inline mutex).
class LaunchHistory {
 public:
  void note(const TaskKind& kind, const detail::StreamState& stream, const Location& where,
            const void* payload, size_t bytes) noexcept;

  // What an error is about that was raised while `kind` ran: that, unless `message` names another operator,
  // an earlier one whose error the device keeps. `payload` is that of `kind`.
  Launched culprit(std::string_view message, const TaskKind& kind, const detail::StreamState& stream,
                   const Location& where, const void* payload) const;
  // The newest call of the operator that `message` names; if it names none, the last few, newest first.
  std::vector<Launched> suspects(std::string_view message) const;

 private:
  struct Entry {
    TaskKind kind{};
    const detail::StreamState* stream = nullptr;
    Location where;
    bool whole = false;  // the payload fitted
    alignas(16) std::array<unsigned char, 512> payload;

    Launched told() const;
  };
  const Entry* newest_named(std::string_view message) const;
  static constexpr size_t kKept = 64;  // launches; a power of two
  static constexpr size_t kTold = 5;

  std::array<Entry, kKept> entries_;
  uint64_t noted_ = 0;
};

}  // namespace npu
