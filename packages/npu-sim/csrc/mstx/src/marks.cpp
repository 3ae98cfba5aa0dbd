// Marks and ranges. Without an observer a call costs a load and a branch.
#include "abi.h"

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>

#include "npu_sim/activity.h"

using npu_sim::MarkActivity;

struct mstxDomainRegistration_st {
  const char* name;
};

namespace {

constexpr const char* kDefaultDomain = "default";

struct Range {
  const char* domain;
  aclrtStream stream;
};

struct Ranges {
  std::mutex mutex;
  std::map<mstxRangeId, Range> open;
};

Ranges& ranges() {
  static auto* r = new Ranges;
  return *r;
}

// One domain a name, kept for ever: records refer to it after it was destroyed.
struct Domains {
  std::mutex mutex;
  std::map<const char*, mstxDomainRegistration_st> by_name;
};

Domains& domains() {
  static auto* d = new Domains;
  return *d;
}

mstxDomainHandle_t domain_called(const char* name) {
  const char* kept = npu_sim::keep_text(name, std::strlen(name));
  std::lock_guard lock(domains().mutex);
  return &domains().by_name.try_emplace(kept, mstxDomainRegistration_st{kept}).first->second;
}

bool observed() { return npu_sim::activity_observer.load(std::memory_order_acquire) != nullptr; }

const char* keep(const char* message) { return npu_sim::keep_text(message, std::strlen(message)); }

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

void mark(const char* domain, const char* message, aclrtStream stream) {
  if (message && observed())
    npu_sim::mark_activity(MarkActivity::Phase::instant, keep(message), domain, next_id(), stream);
}

mstxRangeId start(const char* domain, const char* message, aclrtStream stream) {
  if (!message) return MSTX_INVALID_ID;
  const mstxRangeId id = next_id();
  if (!observed()) return id;  // nobody saw the start: its end is not told either
  {
    std::lock_guard lock(ranges().mutex);
    ranges().open[id] = {domain, stream};
  }
  npu_sim::mark_activity(MarkActivity::Phase::start, keep(message), domain, id, stream);
  return id;
}

void end(mstxRangeId id) {
  Range range;
  {
    std::lock_guard lock(ranges().mutex);
    auto it = ranges().open.find(id);
    if (it == ranges().open.end()) return;
    range = it->second;
    ranges().open.erase(it);
  }
  npu_sim::mark_activity(MarkActivity::Phase::end, "", range.domain, id, range.stream);
}

// Of a handle that names no domain, the default one's: these functions answer no code.
const char* name_of(mstxDomainHandle_t handle) {
  if (!handle || !observed()) return kDefaultDomain;
  std::lock_guard lock(domains().mutex);
  for (const auto& [name, domain] : domains().by_name)
    if (&domain == handle) return name;
  return kDefaultDomain;
}

}  // namespace

mstxDomainHandle_t mstxDomainCreateA(const char* name) { return name ? domain_called(name) : nullptr; }

void mstxDomainDestroy(mstxDomainHandle_t /*handle*/) {}

void mstxMarkA(const char* message, aclrtStream stream) { mark(kDefaultDomain, message, stream); }

void mstxDomainMarkA(mstxDomainHandle_t handle, const char* message, aclrtStream stream) {
  mark(name_of(handle), message, stream);
}

mstxRangeId mstxRangeStartA(const char* message, aclrtStream stream) {
  return start(kDefaultDomain, message, stream);
}

mstxRangeId mstxDomainRangeStartA(mstxDomainHandle_t handle, const char* message, aclrtStream stream) {
  return start(name_of(handle), message, stream);
}

void mstxRangeEnd(mstxRangeId id) { end(id); }

void mstxDomainRangeEnd(mstxDomainHandle_t /*handle*/, mstxRangeId id) { end(id); }
