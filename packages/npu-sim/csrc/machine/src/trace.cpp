#include "npu_sim/trace.h"

#include <unistd.h>

#include <cstdio>
#include <mutex>

#include "npu_sim/activity.h"

namespace npu_sim {
namespace {

std::mutex g_mutex;
std::FILE* g_file = nullptr;
uint64_t g_lines = 0;

}  // namespace

std::atomic<bool> trace_on{false};

bool open_trace(const std::string& file) {
  std::string name = file;
  if (size_t at = name.find("%p"); at != std::string::npos) name.replace(at, 2, std::to_string(getpid()));
  std::lock_guard lock(g_mutex);
  trace_on.store(false);
  if (g_file) std::fclose(g_file);
  g_file = name.empty() ? nullptr : std::fopen(name.c_str(), "ae");
  if (g_file) setvbuf(g_file, nullptr, _IOLBF, 1 << 16);  // a process that dies leaves what it did
  trace_on.store(g_file != nullptr);
  return g_file || name.empty();
}

void trace(const std::string& object) {
  const int64_t now = activity_now();
  std::lock_guard lock(g_mutex);
  if (g_file)
    std::fprintf(g_file, "%s,\"n\":%llu,\"thread\":%d,\"time_ns\":%lld}\n", object.c_str(),
                 static_cast<unsigned long long>(g_lines++), gettid(), static_cast<long long>(now));
}

}  // namespace npu_sim
