#include "npu_sim/faults.h"

#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>

#include "npu_sim/device.h"
#include "npu_sim/json.h"
#include "npu_sim/machine.h"
#include "watch.h"

namespace npu_sim {
namespace {

using Kind = FaultRule::Kind;

struct Counted {
  FaultRule rule;
  uint64_t seen = 0, fired = 0;
};

struct Faults {
  std::mutex mutex;
  std::vector<Counted> rules;
};

Faults& faults() {
  static auto* f = new Faults;
  return *f;
}

bool is_collective(const char* name) { return std::strncmp(name, "Hccl", 4) == 0; }

// Counts what happens, and answers the rule that it is the turn of.
const FaultRule* turn(std::initializer_list<Kind> kinds, const char* name, int device, FaultRule* copy) {
  Faults& f = faults();
  std::lock_guard lock(f.mutex);
  const FaultRule* found = nullptr;
  for (Counted& c : f.rules) {
    bool of_kind = false;
    for (Kind k : kinds) of_kind |= c.rule.kind == k;
    if (!of_kind || (!c.rule.name.empty() && c.rule.name != name)) continue;
    if (c.rule.device >= 0 && c.rule.device != device) continue;
    ++c.seen;
    if (found || (c.rule.nth && c.seen != c.rule.nth)) continue;
    ++c.fired;
    *copy = c.rule;
    found = copy;
  }
  return found;
}

// Until the device's own time-out for an operator, which the queue then finds.
int hang(Stream& stream) {
  const auto begin = Clock::now();
  auto too_long = [&] {
    const int64_t limit = op_execute_timeout_us.load();
    return limit >= 0 && Clock::now() - begin > std::chrono::microseconds(limit);
  };
  while (!too_long() && !stream.aborted() && !stream.gone() && !exiting.load() && !stream.device.fault() &&
         !stream.closed())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return 0;
}

int injected(int code, const FaultRule& rule) {
  set_error_message("injected by NPU_SIM_FAULTS: " + rule.text);
  return code;
}

}  // namespace

void set_faults(std::vector<FaultRule> rules) {
  Faults& f = faults();
  std::lock_guard lock(f.mutex);
  f.rules.clear();
  for (FaultRule& rule : rules) f.rules.push_back({std::move(rule)});
  if (f.rules.empty())
    watched.fetch_and(~uint32_t{kWatchFaults});
  else
    watched.fetch_or(kWatchFaults);
}

std::string faults_fired() {
  Faults& f = faults();
  std::lock_guard lock(f.mutex);
  std::string all;
  for (const Counted& c : f.rules)
    all += (all.empty() ? "" : ",") +
           Json().add("rule", c.rule.text).add("seen", c.seen).add("fired", c.fired).text();
  return "[" + all + "]";
}

bool inject_allocation_fault() {
  FaultRule rule;
  return turn({Kind::oom}, "", -1, &rule) != nullptr;
}

int inject_task_fault(Stream& stream, const Stream::Work& work) {
  FaultRule rule;
  const int device = stream.device.physical_id;
  if (is_collective(work.name)) {
    if (!turn({Kind::link, Kind::slow}, work.name, device, &rule)) return 0;
    if (rule.kind == Kind::link) return injected(ACL_ERROR_RT_SUSPECT_REMOTE_ERROR, rule);
    std::this_thread::sleep_for(std::chrono::milliseconds(rule.milliseconds));
    return 0;
  }
  if (work.engine == Engine::compute && turn({Kind::aicore, Kind::hang}, work.name, device, &rule))
    return rule.kind == Kind::hang ? hang(stream) : injected(ACL_ERROR_RT_AICORE_EXCEPTION, rule);
  if (work.engine == Engine::copy && turn({Kind::copy}, work.name, device, &rule))
    return injected(ACL_ERROR_RT_SYS_DMA, rule);
  return 0;
}

}  // namespace npu_sim
