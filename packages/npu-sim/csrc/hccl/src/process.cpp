#include "process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace npu_sim::hccl {
namespace {

// State letter and start time of /proc/PID/stat; false if there is no such process.
bool read_stat(int pid, char* state, uint64_t* started) {
  char text[1024];
  const int fd = open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return false;
  text[n] = 0;
  // The second field is the name in brackets, which may hold anything; state is the third, start the 22nd.
  const char* p = std::strrchr(text, ')');
  if (!p || p[1] != ' ') return false;
  *state = p[2];
  for (int field = 2; field < 22 && p; ++field) p = std::strchr(p + 1, ' ');
  if (!p) return false;
  *started = std::strtoull(p + 1, nullptr, 10);
  return true;
}

}  // namespace

ProcessId this_process() {
  ProcessId me{getpid(), 0};
  char state = 0;
  read_stat(me.pid, &state, &me.started);
  return me;
}

bool alive(const ProcessId& process) {
  char state = 0;
  uint64_t started = 0;
  if (!read_stat(process.pid, &state, &started)) return false;
  return started == process.started && state != 'Z' && state != 'X' && state != 'x';
}

}  // namespace npu_sim::hccl
