// Msprof*: ids of texts, the clock, and reports of a client on their way to the running session.
#pragma GCC visibility push(default)
#include "npu/cann/profapi.h"
#include "sink.h"
#pragma GCC visibility pop

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "npu_sim/activity.h"

using npu_sim::prof::Sink;

namespace {

struct Texts {
  std::mutex mutex;
  std::map<uint64_t, const char*> by_id;
};

Texts& texts() {
  static auto* t = new Texts;
  return *t;
}

// FNV-1a: equal in every process, as readers of several processes' reports expect.
uint64_t hash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h;
}

constexpr int32_t kRefused = -1;

}  // namespace

Sink* npu_sim_report_sink() {
  static auto* sink = new Sink;
  return sink;
}

uint64_t MsprofGetHashId(const char* hashInfo, size_t length) {
  if (!hashInfo) return 0;
  std::string_view text(hashInfo, strnlen(hashInfo, length));
  const uint64_t id = hash(text);
  std::lock_guard lock(texts().mutex);
  texts().by_id.try_emplace(id, npu_sim::keep_text(text.data(), text.size()));
  return id;
}

uint64_t MsprofStr2Id(const char* hashInfo, size_t length) { return MsprofGetHashId(hashInfo, length); }

char* MsprofId2Str(const uint64_t Id) {
  std::lock_guard lock(texts().mutex);
  auto it = texts().by_id.find(Id);
  return it == texts().by_id.end() ? nullptr : const_cast<char*>(it->second);
}

// The clock of all reports: nanoseconds, as the simulator's other records.
uint64_t MsprofSysCycleTime() { return static_cast<uint64_t>(npu_sim::activity_now()); }

int32_t MsprofRegisterCallback(uint32_t moduleId, ProfCommandHandle handle) {
  if (!handle) return kRefused;
  Sink& sink = *npu_sim_report_sink();
  std::lock_guard lock(sink.mutex);
  sink.callbacks.push_back({moduleId, handle});
  return MSPROF_ERROR_NONE;
}

int32_t MsprofReportApi(uint32_t /*nonPersistantFlag*/, const MsprofApi* api) {
  if (!api) return kRefused;
  if (auto report = npu_sim_report_sink()->report.load())
    report("api", api->level, api->type, api->threadId, api->beginTime, api->endTime, api->itemId);
  return MSPROF_ERROR_NONE;
}

int32_t MsprofReportCompactInfo(uint32_t /*nonPersistantFlag*/, const VOID_PTR data, uint32_t length) {
  if (!data || length != sizeof(MsprofCompactInfo)) return kRefused;
  const auto& info = *static_cast<const MsprofCompactInfo*>(data);
  if (auto report = npu_sim_report_sink()->report.load())
    report("compact", info.level, info.type, info.threadId, info.timeStamp, info.timeStamp,
           info.data.nodeBasicInfo.opName);
  return MSPROF_ERROR_NONE;
}

int32_t MsprofReportAdditionalInfo(uint32_t /*nonPersistantFlag*/, const VOID_PTR data, uint32_t length) {
  if (!data || length != sizeof(MsprofAdditionalInfo)) return kRefused;
  const auto& info = *static_cast<const MsprofAdditionalInfo*>(data);
  if (auto report = npu_sim_report_sink()->report.load())
    report("additional", info.level, info.type, info.threadId, info.timeStamp, info.timeStamp, 0);
  return MSPROF_ERROR_NONE;
}
