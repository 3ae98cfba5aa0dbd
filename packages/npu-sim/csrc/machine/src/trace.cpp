#include "npu_sim/trace.h"

#include <unistd.h>

#include <cstdio>
#include <mutex>

#include "npu_sim/activity.h"
#include "npu_sim/settings.h"

namespace npu_sim {
namespace {

std::mutex g_mutex;
std::FILE* g_file = nullptr;
std::string g_pattern;
pid_t g_process = 0;
uint64_t g_lines = 0;

void open_locked() {
  std::string name = g_pattern;
  g_process = getpid();
  if (size_t at = name.find("%p"); at != std::string::npos) name.replace(at, 2, std::to_string(g_process));
  if (g_file) std::fclose(g_file);
  g_file = name.empty() ? nullptr : std::fopen(name.c_str(), "ae");
  if (g_file) setvbuf(g_file, nullptr, _IOLBF, 1 << 16);  // a process that dies leaves what it did
  trace_state.store(g_file ? TraceState::on : TraceState::off);
}

}  // namespace

std::atomic<TraceState> trace_state{TraceState::unknown};

bool open_trace(const std::string& file) {
  std::lock_guard lock(g_mutex);
  g_pattern = file;
  open_locked();
  return g_file || file.empty();
}

bool trace_started() {
  settings();
  return trace_state.load(std::memory_order_relaxed) == TraceState::on;
}

void trace(const std::string& object) {
  const int64_t now = activity_now();
  std::lock_guard lock(g_mutex);
  if (g_file && g_process != getpid()) open_locked();  // a child of fork has a file of its own
  if (g_file)
    std::fprintf(g_file, "%s,\"n\":%llu,\"thread\":%d,\"time_ns\":%lld}\n", object.c_str(),
                 static_cast<unsigned long long>(g_lines++), gettid(), static_cast<long long>(now));
}

}  // namespace npu_sim
