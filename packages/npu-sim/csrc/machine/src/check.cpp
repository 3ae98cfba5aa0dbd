// Happens-before over streams. A task knows what its stream did before, what the host knew when it enqueued
// the task, and, after a wait for an event, what the event's stream had done. Two accesses of which at least
// one writes, neither knowing the other, are a race, whatever the order in which they happened to run.
#include "npu_sim/check.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <set>
#include <string_view>
#include <tuple>

#include "access_map.h"
#include "npu_sim/device.h"
#include "npu_sim/json.h"
#include "npu_sim/memory.h"
#include "watch.h"

namespace npu_sim {
namespace {

constexpr int kHost = 0;
constexpr size_t kMostFindings = 1000;
constexpr uint64_t kMostRows = 1024;

struct Checker {
  std::mutex mutex;
  uint32_t checks = 0;
  AccessMap memory;
  std::vector<VectorClock> clocks{VectorClock{1}};  // by actor
  std::vector<int> devices{-1};                     // of each actor
  std::set<std::tuple<std::string, const char*, const char*, const char*, const char*>> told;
  std::vector<std::string> findings;  // JSON objects
};

Checker& checker() {
  static auto* c = new Checker;  // workers may still run while the process ends
  return *c;
}

int actor_of(const Stream& stream) { return stream.id + 1; }

uint64_t time_of(const VectorClock& clock, int actor) {
  return static_cast<size_t>(actor) < clock.size() ? clock[static_cast<size_t>(actor)] : 0;
}

void join(VectorClock& clock, const VectorClock& other) {
  if (clock.size() < other.size()) clock.resize(other.size());
  for (size_t i = 0; i < other.size(); ++i) clock[i] = std::max(clock[i], other[i]);
}

VectorClock& clock_of(Checker& c, int actor) {
  const auto i = static_cast<size_t>(actor);
  if (c.clocks.size() <= i) {
    c.clocks.resize(i + 1);
    c.devices.resize(i + 1, -1);
  }
  VectorClock& clock = c.clocks[i];
  if (clock.size() <= i) clock.resize(i + 1);
  if (!clock[i]) clock[i] = 1;
  return clock;
}

// Callbacks run on a stream's worker, and know what it knows.
int calling_actor() {
  const Stream* stream = worker_stream();
  return stream ? actor_of(*stream) : kHost;
}

std::shared_ptr<const VectorClock> release(Checker& c, int actor) {
  VectorClock& clock = clock_of(c, actor);
  auto known = std::make_shared<const VectorClock>(clock);
  ++clock[static_cast<size_t>(actor)];  // what comes now is not known to who learns this
  return known;
}

std::string place(const Checker& c, int actor) {
  if (actor == kHost) return "the host";
  return "stream " + std::to_string(actor - 1) +
         " of npu:" + std::to_string(c.devices[static_cast<size_t>(actor)]);
}

std::string who(const Checker& c, const Touch& t) {
  return std::string(t.op) + (*t.operand ? " (" + std::string(t.operand) + ")" : "") + " on " +
         place(c, t.actor);
}

std::string range(uintptr_t begin, uintptr_t end) {
  char text[64];
  std::snprintf(text, sizeof text, "0x%zx (%zu bytes)", begin, end - begin);
  return text;
}

void find(Checker& c, const char* kind, uintptr_t begin, uintptr_t end, const Touch& now, const Touch* before,
          const std::string& message) {
  if (!c.told.emplace(kind, now.op, now.operand, before ? before->op : "", before ? before->operand : "")
           .second)
    return;
  if (c.findings.size() >= kMostFindings) return;
  Json json;
  json.add("kind", kind)
      .add("message", message)
      .add("address", uint64_t{begin})
      .add("bytes", uint64_t{end - begin});
  json.add("operator", now.op).add("operand", now.operand).add("stream", int64_t{now.actor - 1});
  if (before)
    json.add("other_operator", before->op)
        .add("other_operand", before->operand)
        .add("other_stream", int64_t{before->actor - 1});
  c.findings.push_back(json.text());
  std::fprintf(stderr, "npu-sim: %s: %s\n", kind, message.c_str());
}

// What orders two accesses is missing.
std::string missing(const Checker& c, const Touch& before, const Touch& now) {
  if (now.actor == kHost)
    return "synchronise " + place(c, before.actor) + " after " + before.op + " before the host calls " +
           now.op;
  // The task was enqueued before the host's call, or it would know of it.
  if (before.actor == kHost)
    return "synchronise " + place(c, now.actor) + " after " + now.op + " before the host calls " + before.op;
  return "record an event on " + place(c, before.actor) + " after " + before.op + ", and let " +
         place(c, now.actor) + " wait for it before " + now.op;
}

void check_order(Checker& c, const VectorClock& known, uintptr_t begin, uintptr_t end, const Touch& before,
                 const Touch& now, const char* did, const char* does) {
  if (before.actor < 0 || before.actor == now.actor || before.time <= time_of(known, before.actor)) return;
  const bool freed = std::string_view(before.op) == "aclrtFree" || std::string_view(now.op) == "aclrtFree";
  if (!(c.checks & (freed ? kCheckLifetime : kCheckRace))) return;
  find(c, freed ? "lifetime" : "race", begin, end, now, &before,
       who(c, now) + " " + does + " " + range(begin, end) + ", which " + who(c, before) + " " + did +
           ", and nothing orders the two: " + missing(c, before, now));
}

void touch(Checker& c, const Touch& now, uintptr_t begin, uintptr_t end, Access access) {
  const VectorClock& known = clock_of(c, now.actor);
  const bool reads = access != Access::write, writes = access != Access::read;
  bool uninitialised = false;
  uintptr_t first = 0, last = 0;
  c.memory.visit(begin, end, [&](uintptr_t at, Cell& cell) {
    check_order(c, known, at, cell.end, cell.write, now, cell.written ? "wrote" : "allocated",
                writes ? "writes" : "reads");
    if (writes)
      for (const Touch& read : cell.reads) check_order(c, known, at, cell.end, read, now, "read", "writes");
    if (reads && !cell.written) {
      if (!uninitialised) first = at;
      uninitialised = true;
      last = cell.end;
    }
    if (writes) return;
    auto mine = std::find_if(cell.reads.begin(), cell.reads.end(),
                             [&](const Touch& t) { return t.actor == now.actor; });
    if (mine == cell.reads.end())
      cell.reads.push_back(now);
    else
      *mine = now;
  });
  if (uninitialised && (c.checks & kCheckInit))
    find(c, "init", first, last, now, nullptr,
         who(c, now) + " reads " + range(first, last) + ", which nothing wrote since it was allocated");
  if (writes) c.memory.overwrite(begin, end, now);
}

Touch touch_of(Checker& c, const char* op, const char* operand) {
  const int actor = calling_actor();
  VectorClock& clock = clock_of(c, actor);
  return {actor, clock[static_cast<size_t>(actor)], op, operand};
}

}  // namespace

bool parse_checks(const std::string& text, uint32_t* checks) {
  std::string_view rest = text;
  *checks = 0;
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    std::string_view item = rest.substr(0, comma);
    uint32_t bit = item == "race"       ? kCheckRace
                   : item == "lifetime" ? kCheckLifetime
                   : item == "init"     ? kCheckInit
                                        : 0;
    if (!bit) return false;
    *checks |= bit;
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return true;
}

void set_checks(uint32_t checks) {
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  if (checks && !c.checks) c.memory = {};  // what happened meanwhile is not known
  c.checks = checks;
  if (checks)
    watched.fetch_or(kWatchCheck);
  else
    watched.fetch_and(~uint32_t{kWatchCheck});
}

std::string check_findings(bool clear) {
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  std::string all;
  for (const std::string& f : c.findings) all += (all.empty() ? "" : ",") + f;
  if (clear) {
    c.findings.clear();
    c.told.clear();
  }
  return "[" + all + "]";
}

std::shared_ptr<const VectorClock> check_release() {
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  return release(c, calling_actor());
}

void check_acquire(const std::shared_ptr<const VectorClock>& known) {
  if (!known) return;
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  join(clock_of(c, calling_actor()), *known);
}

void check_begin(Stream& stream, const Stamp* stamp) {
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  const int actor = actor_of(stream);
  VectorClock& clock = clock_of(c, actor);
  c.devices[static_cast<size_t>(actor)] = stream.device.id;
  if (stamp && stamp->known) join(clock, *stamp->known);
  ++clock[static_cast<size_t>(actor)];
}

void check_joined(const Stream& stream) {
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  const VectorClock known = clock_of(c, actor_of(stream));
  join(clock_of(c, calling_actor()), known);
}

void check_reset_device(const void* base, uint64_t bytes) {
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  const auto begin = reinterpret_cast<uintptr_t>(base);
  c.memory.erase(begin, begin + bytes);
}

void note_access(const char* op, const char* operand, const void* p, uint64_t bytes, Access access) {
  if (!is_device_address(p) || !bytes) return;
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  const auto begin = reinterpret_cast<uintptr_t>(p);
  const Touch now = touch_of(c, op, operand);
  if ((c.checks & kCheckLifetime) && !owns(p, bytes, nullptr))
    find(c, "lifetime", begin, begin + bytes, now, nullptr,
         who(c, now) + " uses " + range(begin, begin + bytes) +
             ", which is not allocated: it was freed before");
  touch(c, now, begin, begin + bytes, access);
}

void note_rows(const char* op, const char* operand, const Rows& rows, Access access) {
  uint64_t count = 1;
  for (int64_t n : rows.counts) count *= static_cast<uint64_t>(n);
  if (count == 0 || count > kMostRows) return;
  for (uint64_t i = 0; i < count; ++i) {
    const char* at = static_cast<const char*>(rows.base);
    uint64_t rest = i;
    for (size_t d = rows.counts.size(); d-- > 0;) {
      at += static_cast<int64_t>(rest % static_cast<uint64_t>(rows.counts[d])) * rows.steps[d];
      rest /= static_cast<uint64_t>(rows.counts[d]);
    }
    note_access(op, operand, at, rows.row_bytes, access);
  }
}

void note_allocated(const void* p, uint64_t bytes) {
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  const auto begin = reinterpret_cast<uintptr_t>(p);
  c.memory.allocate(begin, begin + bytes, touch_of(c, "aclrtMalloc", ""));
}

void note_freed(const char* call, const void* p, uint64_t bytes) {
  Checker& c = checker();
  std::lock_guard lock(c.mutex);
  const auto begin = reinterpret_cast<uintptr_t>(p);
  touch(c, touch_of(c, call, ""), begin, begin + bytes, Access::write);
  c.memory.erase(begin, begin + bytes);
}

}  // namespace npu_sim
