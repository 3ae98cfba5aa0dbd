#include "session.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>

#include "npu_sim/activity.h"
#include "npu_sim/error.h"
#include "npu_sim/json.h"
#include "npu_sim/stream.h"
#include "npu_sim/watch.h"
#include "sink.h"

namespace npu_sim::prof {
namespace {

struct Session {
  std::mutex mutex;
  std::string folder;  // empty: not initialised
  std::FILE* file = nullptr;
  bool running = false;
  Config config;
  int count = 0;
};

Session& session() {
  static auto* s = new Session;  // streams' workers may still report while the process ends
  return *s;
}

void write(const std::string& line) {
  Session& s = session();
  std::lock_guard lock(s.mutex);
  if (s.file) std::fputs((line + "\n").c_str(), s.file);
}

void call_entered(const char*, uint64_t) {}

void call_left(const char* name, uint64_t correlation, int64_t begin_ns, int64_t end_ns) {
  write(Json()
            .add("kind", "call")
            .add("name", name)
            .add("thread", int64_t{gettid()})
            .add("start_ns", begin_ns)
            .add("end_ns", end_ns)
            .add("correlation", correlation)
            .text());
}

const char* kind_of(const TaskActivity& task) {
  if (std::strncmp(task.name, "Hccl", 4) == 0) return "collective";
  return task.engine == Engine::compute ? "kernel" : task.engine == Engine::copy ? "copy" : nullptr;
}

void task_ran(const TaskActivity& task) {
  const char* kind = kind_of(task);
  if (!kind) return;
  Json line;
  line.add("kind", kind)
      .add("name", task.name)
      .add("device", int64_t{task.device})
      .add("stream", int64_t{task.stream})
      .add("start_ns", task.begin_ns)
      .add("end_ns", task.end_ns)
      .add("count", task.facts.count)
      .add("correlation", task.correlation);
  if (watching() & kWatchTiming) line.add("modelled", true);
  write(line.text());
}

void marked(const MarkActivity& mark) {
  constexpr const char* kPhases[] = {"instant", "start", "end"};
  write(Json()
            .add("kind", "mark")
            .add("phase", kPhases[static_cast<int>(mark.phase)])
            .add("name", mark.name)
            .add("domain", mark.domain)
            .add("id", mark.id)
            .add("device", int64_t{mark.device})
            .add("stream", int64_t{mark.stream})
            .add("time_ns", mark.time_ns)
            .text());
}

constexpr ActivityObserver kObserver{&call_entered, &call_left, &task_ran, &marked};

void reported(const char* kind, uint32_t level, uint32_t type, uint32_t thread, uint64_t begin, uint64_t end,
              uint64_t item) {
  write(Json()
            .add("kind", "report")
            .add("of", kind)
            .add("level", uint64_t{level})
            .add("type", uint64_t{type})
            .add("thread", uint64_t{thread})
            .add("start_ns", begin)
            .add("end_ns", end)
            .add("item", item)
            .text());
}

// Tells the clients that registered, so that they report themselves while the session runs.
void tell(uint32_t type, const Config& config) {
  Sink& sink = *npu_sim_report_sink();
  std::vector<Callback> callbacks;
  {
    std::lock_guard lock(sink.mutex);
    callbacks = sink.callbacks;
  }
  MsprofCommandHandle command{};
  command.profSwitch = config.switches;
  command.type = type;
  command.devNums =
      static_cast<uint32_t>(std::min<size_t>(config.devices.size(), std::size(command.devIdList)));
  std::copy_n(config.devices.begin(), command.devNums, command.devIdList);
  for (const Callback& c : callbacks) c.handle(PROF_CTRL_SWITCH, &command, sizeof command);
}

// CANN's own form: PROF_<number>_<local time to the millisecond>_<letters>.
std::string folder_name(int number) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm local{};
  localtime_r(&now.tv_sec, &local);
  char time[32], name[96];
  std::strftime(time, sizeof time, "%Y%m%d%H%M%S", &local);
  std::snprintf(name, sizeof name, "PROF_%06d_%s%03ld_NPUSIM%08d", number, time, now.tv_nsec / 1000000,
                getpid());
  return name;
}

}  // namespace

bool session_opened() {
  std::lock_guard lock(session().mutex);
  return !session().folder.empty();
}

int open_session(const std::string& folder) {
  Session& s = session();
  std::lock_guard lock(s.mutex);
  if (!s.folder.empty())
    return fail(ACL_ERROR_PROF_ALREADY_RUN, "profiling is initialised already: call aclprofFinalize first");
  if (access(folder.c_str(), W_OK) != 0)
    return fail(ACL_ERROR_INVALID_PARAM,
                "the folder '" + folder + "' for profiles cannot be written: " + std::strerror(errno));
  s.folder = folder;
  return 0;
}

int start_session(const Config& config) {
  Session& s = session();
  {
    std::lock_guard lock(s.mutex);
    if (s.folder.empty())
      return fail(ACL_ERROR_PROF_NOT_RUN, "profiling is not initialised: call aclprofInit first");
    if (s.running)
      return fail(ACL_ERROR_PROF_ALREADY_RUN, "a profiling session runs already: call aclprofStop first");
    if (!s.file) {
      const std::string folder = s.folder + "/" + folder_name(++s.count);
      if (mkdir(folder.c_str(), 0750) != 0 ||
          !(s.file = std::fopen((folder + "/npu_sim.jsonl").c_str(), "w")))
        return fail(ACL_ERROR_PROFILING_FAILURE,
                    "the folder '" + folder + "' cannot be made: " + std::strerror(errno));
    }
    s.running = true;
    s.config = config;
  }
  observe_activity(&kObserver, true);
  npu_sim_report_sink()->report.store(&reported);
  tell(PROF_COMMANDHANDLE_TYPE_START, config);
  return 0;
}

int stop_session() {
  Session& s = session();
  Config config;
  {
    std::lock_guard lock(s.mutex);
    if (!s.running) return fail(ACL_ERROR_PROF_NOT_RUN, "no profiling session runs: call aclprofStart first");
    s.running = false;
    config = s.config;
  }
  tell(PROF_COMMANDHANDLE_TYPE_STOP, config);
  npu_sim_report_sink()->report.store(nullptr);
  observe_activity(&kObserver, false);
  std::lock_guard lock(s.mutex);
  std::fflush(s.file);
  return 0;
}

int close_session() {
  Session& s = session();
  std::lock_guard lock(s.mutex);
  if (s.folder.empty())
    return fail(ACL_ERROR_PROF_NOT_RUN, "profiling is not initialised: call aclprofInit first");
  if (s.running)
    return fail(ACL_ERROR_PROF_ALREADY_RUN, "a profiling session still runs: call aclprofStop first");
  if (s.file) std::fclose(std::exchange(s.file, nullptr));
  s.folder.clear();
  return 0;
}

}  // namespace npu_sim::prof
