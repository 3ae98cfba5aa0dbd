// The model of device times: each stream has a clock of its own that only work moves. A kernel takes the
// longest of its matrix work, its vector work and its memory traffic at the SoC's peaks, after the cost of a
// launch; kernels of a device follow each other. The assumptions are in docs/npu-sim.md.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "npu_sim/activity.h"
#include "npu_sim/device.h"
#include "npu_sim/settings.h"
#include "watch.h"

namespace npu_sim {
namespace {

constexpr double kLaunchNs = 2000;        // what the device needs between two kernels of a stream
constexpr double kVectorPart = 1.0 / 16;  // of the matrix peak
constexpr double kHostGigabytes = 32e9;   // of a copy between host and device
constexpr double kLinkGigabytes = 56e9;   // of a collective, each way

struct Clocks {
  std::mutex mutex;
  std::unordered_map<int, int64_t> streams;  // by number
  std::unordered_map<int, int64_t> devices;  // when the compute engine is free
};

Clocks& clocks() {
  static auto* c = new Clocks;
  return *c;
}

thread_local KernelCost t_cost;

int64_t steady_ns() { return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count(); }

double duration_ns(const Stream::Work& work) {
  const Settings& s = settings();
  const double bytes_per_ns = s.peak_gbytes;
  if (work.engine == Engine::host) return 0;
  const double count = work.activity ? static_cast<double>(work.activity->facts.count) : t_cost.bytes;
  if (std::strncmp(work.name, "Hccl", 4) == 0) return kLaunchNs + t_cost.bytes / (kLinkGigabytes * 1e-9);
  if (work.engine == Engine::copy) return kLaunchNs + count / (kHostGigabytes * 1e-9);
  const double flops_per_ns = s.peak_tflops * 1e3;
  return kLaunchNs +
         std::max({t_cost.matrix_flops / flops_per_ns, t_cost.vector_flops / (flops_per_ns * kVectorPart),
                   t_cost.bytes / bytes_per_ns});
}

}  // namespace

void note_cost(const KernelCost& cost) {
  t_cost.matrix_flops += cost.matrix_flops;
  t_cost.vector_flops += cost.vector_flops;
  t_cost.bytes += cost.bytes;
}

void timing_begin(Stream& stream, const Stamp* stamp) {
  t_cost = {};
  std::lock_guard lock(clocks().mutex);
  int64_t& now = clocks().streams[stream.id];
  now = std::max(now, stamp ? stamp->enqueued_ns : steady_ns());
}

void timing_end(Stream& stream, const Stream::Work& work, int64_t* begin_ns, int64_t* end_ns) {
  const auto ns = static_cast<int64_t>(duration_ns(work));
  std::lock_guard lock(clocks().mutex);
  int64_t& now = clocks().streams[stream.id];
  int64_t begin = now;
  if (work.engine == Engine::compute) {
    int64_t& free = clocks().devices[stream.device.id];
    begin = std::max(begin, free);
    free = begin + ns;
  }
  now = begin + ns;
  const int64_t to_epoch = activity_now() - steady_ns();
  *begin_ns = begin + to_epoch;
  *end_ns = now + to_epoch;
}

int64_t timing_now(const Stream& stream) {
  std::lock_guard lock(clocks().mutex);
  return clocks().streams[stream.id];
}

void timing_wait(const Stream& stream, int64_t time_ns) {
  std::lock_guard lock(clocks().mutex);
  int64_t& now = clocks().streams[stream.id];
  now = std::max(now, time_ns);
}

}  // namespace npu_sim
