// What an application writes into CANN's log. CANN's own variables rule it: ASCEND_GLOBAL_LOG_LEVEL (0 debug
// to 4 nothing, default 3 errors) and ASCEND_SLOG_PRINT_TO_STDOUT=1. The simulator keeps no log files.
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "abi.h"
#include "npu_sim/traced_call.h"

namespace {

int number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text && *text ? std::atoi(text) : otherwise;
}

struct LogSettings {
  int level = number("ASCEND_GLOBAL_LOG_LEVEL", ACL_ERROR);
  bool print = number("ASCEND_SLOG_PRINT_TO_STDOUT", 0) == 1;
};

}  // namespace

__attribute__((format(printf, 5, 6))) void aclAppLog(aclLogLevel logLevel, const char* func, const char* file,
                                                     uint32_t line, const char* fmt, ...) {
  if (npu_sim::tracing())
    npu_sim::TracedCall("aclAppLog")
        .add("logLevel", logLevel)
        .add("func", func)
        .add("file", file)
        .add("line", line)
        .add("fmt", fmt);
  static const LogSettings settings;
  if (!settings.print || logLevel < settings.level || logLevel < ACL_DEBUG || logLevel > ACL_ERROR || !fmt)
    return;
  constexpr const char* kLevels[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
  char text[1024];
  va_list args;
  va_start(args, fmt);
  std::vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  std::printf("[%s] APP(%d):%s:%u %s: %s\n", kLevels[logLevel], static_cast<int>(getpid()), file ? file : "",
              line, func ? func : "", text);
  std::fflush(stdout);
}
