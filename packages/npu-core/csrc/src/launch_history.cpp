// SPDX-License-Identifier: BSD-3-Clause
#include "launch_history.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "streams.h"

namespace npu {
namespace {

std::string on(const std::string& what, const detail::StreamState& stream) {
  return what + " on npu:" + std::to_string(stream.device) + ", stream " + std::to_string(stream.id);
}

std::string line_of(const Location& location) {
  const std::string where = resolve_location(location);
  return where.empty() ? "a thread without Python frames (a backward pass?)" : where;
}

// Whether `text` has `name` as a word of its own: "aclnnAddmm" does not name aclnnAdd.
bool names(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    if (end == text.size() || !std::isalnum(static_cast<unsigned char>(text[end]))) return true;
  }
  return false;
}

}  // namespace

std::string describe_task(const TaskKind& kind, const void* payload, const detail::StreamState& stream) {
  try {
    if (kind.describe) return on(kind.describe(payload), stream);
  } catch (...) {
    // The name alone then.
  }
  return on(kind.name, stream);
}

std::string explain_now(const Launched& culprit) {
  return "\n  operation: " + culprit.operation + "\n  enqueued at: " + line_of(culprit.where);
}

std::string explain_delay(const Location& location) {
  return "\n  enqueued at: " + line_of(location) +
         "\nLaunches are asynchronous: this is raised at the next synchronising call. "
         "ASCEND_LAUNCH_BLOCKING=1 raises it where it was enqueued.";
}

std::string explain_suspects(const std::vector<Launched>& suspects) {
  if (suspects.empty()) return "";
  if (suspects.size() == 1)
    return "\n  operation: " + suspects[0].operation + explain_delay(suspects[0].where);
  std::string text = "\nThe device does not say whose error it is. Launched last, newest first:";
  for (const Launched& s : suspects)
    text += "\n  operation: " + s.operation + "\n    enqueued at: " + line_of(s.where);
  return text + "\nASCEND_LAUNCH_BLOCKING=1 raises it where the operation was enqueued.";
}

void LaunchHistory::note(const TaskKind& kind, const detail::StreamState& stream, const Location& where,
                         const void* payload, size_t bytes) noexcept {
  if (!kind.describe) return;  // events and the like compute nothing
  Entry& e = entries_[noted_++ % kKept];
  e.kind = kind;
  e.stream = &stream;
  e.where = where;
  e.whole = bytes <= e.payload.size();
  if (C10_LIKELY(e.whole)) std::memcpy(e.payload.data(), payload, bytes);
}

Launched LaunchHistory::Entry::told() const {
  return {whole ? describe_task(kind, payload.data(), *stream) : on(kind.name, *stream), where};
}

const LaunchHistory::Entry* LaunchHistory::newest_named(std::string_view message) const {
  const uint64_t oldest = noted_ - std::min<uint64_t>(noted_, kKept);
  for (uint64_t i = noted_; i-- > oldest;) {
    const Entry& e = entries_[i % kKept];
    if (names(message, e.kind.name)) return &e;
  }
  return nullptr;
}

Launched LaunchHistory::culprit(std::string_view message, const TaskKind& kind,
                                const detail::StreamState& stream, const Location& where,
                                const void* payload) const {
  const Entry* named = names(message, kind.name) ? nullptr : newest_named(message);
  return named ? named->told() : Launched{describe_task(kind, payload, stream), where};
}

std::vector<Launched> LaunchHistory::suspects(std::string_view message) const {
  if (const Entry* named = newest_named(message)) return {named->told()};
  std::vector<Launched> last;
  for (uint64_t i = noted_, n = std::min<uint64_t>(i, kTold); last.size() < n;)
    last.push_back(entries_[--i % kKept].told());
  return last;
}

}  // namespace npu
