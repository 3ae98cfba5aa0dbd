#include "watch.h"

#include "npu_sim/check.h"
#include "npu_sim/faults.h"
#include "npu_sim/settings.h"

namespace npu_sim {

std::string check_findings(bool clear);

std::atomic<uint32_t> watched{0};

std::unique_ptr<Stamp> make_stamp() {
  const uint32_t on = watching();
  auto stamp = std::make_unique<Stamp>();
  if (on & kWatchCheck) stamp->known = check_release();
  if (on & kWatchTiming)
    stamp->enqueued_ns = std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
  return stamp;
}

int Stream::run_watched(const Work& work) {
  const uint32_t on = watching();
  if (on & kWatchCheck) check_begin(*this, work.stamp);
  if (on & kWatchTiming) timing_begin(*this, work.stamp);
  int code = on & kWatchFaults ? inject_task_fault(*this, work) : 0;
  if (code || aborted()) return code;
  if (!(on & kWatchTiming)) return work.activity ? perform(work) : work.task();
  code = work.task();
  int64_t begin = 0, end = 0;
  timing_end(*this, work, &begin, &end);
  if (work.activity) tell(work, begin, end);
  return code;
}

namespace {

// The answer of a call from Python, which lives until the thread's next one.
const char* answer(std::string text) {
  thread_local std::string kept;
  kept = std::move(text);
  return kept.c_str();
}

}  // namespace

}  // namespace npu_sim

using namespace npu_sim;

// For npu_sim.faults and npu_sim.check. Each `set` answers null or what is wrong.
extern "C" NPU_SIM_API const char* npu_sim_set_faults(const char* text);
extern "C" NPU_SIM_API const char* npu_sim_faults();
extern "C" NPU_SIM_API const char* npu_sim_set_checks(const char* text);
extern "C" NPU_SIM_API const char* npu_sim_findings(int clear);

const char* npu_sim_set_faults(const char* text) {
  std::vector<FaultRule> rules;
  std::string error;
  settings();  // the environment's rules come first, not later over these
  if (!parse_faults(text, &rules, &error)) return answer(std::move(error));
  set_faults(std::move(rules));
  return nullptr;
}

const char* npu_sim_faults() { return answer(faults_fired()); }

const char* npu_sim_set_checks(const char* text) {
  uint32_t checks = 0;
  settings();
  if (!parse_checks(text, &checks))
    return answer("a list of race, lifetime and init, found '" + std::string(text) + "'");
  set_checks(checks);
  return nullptr;
}

const char* npu_sim_findings(int clear) { return answer(check_findings(clear != 0)); }
