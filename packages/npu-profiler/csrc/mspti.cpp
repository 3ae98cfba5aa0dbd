// SPDX-License-Identifier: BSD-3-Clause
#include "mspti.h"

#include <cstdlib>
#include <utility>

#include "npu/core/launch.h"

namespace npu::profiler {
namespace {

constexpr size_t kBufferBytes = size_t{4} << 20;  // CANN warns below two MiB
constexpr auto kExternal = MSPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0;

// What CANN answered, in words.
std::string refusal(const char* call, msptiResult result) {
  const std::string answer = std::string("CANN's ") + call + " answered " + std::to_string(result);
  switch (result) {
    case MSPTI_ERROR_WITHOUT_LD_PRELOAD:
      return answer + " (libmspti.so was not preloaded): run `npu profile SCRIPT`, which preloads it";
    case MSPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED:
      return answer + " (another profiler of this process uses libmspti): stop that one";
    default:
      return answer;
  }
}

const char* copy_name(msptiActivityMemcpyKind kind) {
  switch (kind) {
    case MSPTI_ACTIVITY_MEMCPY_KIND_HTOD:
      return "Memcpy HtoD";
    case MSPTI_ACTIVITY_MEMCPY_KIND_DTOH:
      return "Memcpy DtoH";
    case MSPTI_ACTIVITY_MEMCPY_KIND_DTOD:
      return "Memcpy DtoD";
    default:
      return "Memcpy";
  }
}

int64_t stream_number(uint32_t id) { return id == MSPTI_INVALID_STREAM_ID ? -1 : static_cast<int64_t>(id); }

std::string text(const char* s) { return s ? s : ""; }

}  // namespace

#define NPU_MSPTI_SYMBOLS(X)                \
  X(msptiSubscribe)                         \
  X(msptiUnsubscribe)                       \
  X(msptiActivityRegisterCallbacks)         \
  X(msptiActivityEnable)                    \
  X(msptiActivityDisable)                   \
  X(msptiActivityFlushAll)                  \
  X(msptiActivityGetNextRecord)             \
  X(msptiActivityPushExternalCorrelationId) \
  X(msptiActivityPopExternalCorrelationId)

struct Mspti::Api {
#define NPU_X(name) decltype(&::name) name = nullptr;
  NPU_MSPTI_SYMBOLS(NPU_X)
#undef NPU_X
};

Mspti& Mspti::instance() {
  static auto* mspti = new Mspti;  // CANN's threads call back until the process is gone
  return *mspti;
}

bool Mspti::load(std::string* reason) {
  if (api_) return true;
  auto api = std::make_shared<Api>();
  std::string missing;
#define NPU_X(symbol)                                                                                \
  api->symbol = reinterpret_cast<decltype(api->symbol)>(core().cann_symbol("libmspti.so", #symbol)); \
  if (!api->symbol && missing.empty()) missing = #symbol;
  NPU_MSPTI_SYMBOLS(NPU_X)
#undef NPU_X
  if (!missing.empty()) {
    *reason = "this CANN has no libmspti.so with " + missing +
              ": install the CANN toolkit (8.1 or newer), which has it, and source its set_env.sh";
    return false;
  }
  api_ = std::move(api);
  return true;
}

bool Mspti::enable(std::string* reason) {
  for (auto kind :
       {MSPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION, MSPTI_ACTIVITY_KIND_API, MSPTI_ACTIVITY_KIND_KERNEL})
    if (const msptiResult result = api_->msptiActivityEnable(kind); result != MSPTI_SUCCESS) {
      *reason = refusal("msptiActivityEnable", result);
      return false;
    }
  api_->msptiActivityEnable(MSPTI_ACTIVITY_KIND_COMMUNICATION);  // an older CANN has none
  copies_ = api_->msptiActivityEnable(MSPTI_ACTIVITY_KIND_MEMCPY) == MSPTI_SUCCESS &&
            api_->msptiActivityEnable(MSPTI_ACTIVITY_KIND_MEMSET) == MSPTI_SUCCESS;
  return true;
}

bool Mspti::start(std::string* reason) {
  if (!load(reason)) return false;
  if (const msptiResult result = api_->msptiSubscribe(&subscriber_, nullptr, nullptr);
      result != MSPTI_SUCCESS) {
    subscriber_ = nullptr;
    *reason = refusal("msptiSubscribe", result);
    return false;
  }
  api_->msptiActivityRegisterCallbacks(&Mspti::request, &Mspti::complete);
  if (enable(reason)) return true;
  stop({});
  return false;
}

Spans Mspti::stop(const std::set<int32_t>& launch_threads) {
  if (!subscriber_) return {};
  for (auto kind :
       {MSPTI_ACTIVITY_KIND_KERNEL, MSPTI_ACTIVITY_KIND_COMMUNICATION, MSPTI_ACTIVITY_KIND_MEMCPY,
        MSPTI_ACTIVITY_KIND_MEMSET, MSPTI_ACTIVITY_KIND_API, MSPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION})
    api_->msptiActivityDisable(kind);
  api_->msptiActivityFlushAll(1);
  api_->msptiUnsubscribe(std::exchange(subscriber_, nullptr));
  copies_ = false;

  std::lock_guard lock(mutex_);
  Spans kept;
  for (Span& span : spans_) {
    const auto found = launches_.find(span.launch);
    const auto caller = callers_.find(span.launch);
    const bool known = found != launches_.end();
    if (!known && caller != callers_.end() && launch_threads.count(caller->second)) continue;
    span.launch = known ? found->second : 0;
    kept.push_back(std::move(span));
  }
  spans_.clear();
  launches_.clear();
  callers_.clear();
  return kept;
}

void Mspti::begin(uint64_t id, aclrtStream, const npu_activity&) {
  api_->msptiActivityPushExternalCorrelationId(kExternal, id);
}

void Mspti::end(uint64_t, aclrtStream) {
  uint64_t last = 0;
  api_->msptiActivityPopExternalCorrelationId(kExternal, &last);
}

void Mspti::request(uint8_t** buffer, size_t* size, size_t* records) {
  *buffer = static_cast<uint8_t*>(std::malloc(kBufferBytes));
  *size = *buffer ? kBufferBytes : 0;
  *records = 0;  // as many as there is room for
}

void Mspti::complete(uint8_t* buffer, size_t, size_t valid) {
  if (buffer) instance().read(buffer, valid);
  std::free(buffer);
}

void Mspti::read(uint8_t* buffer, size_t valid) {
  const auto api = api_;
  std::lock_guard lock(mutex_);
  msptiActivity* record = nullptr;
  while (api->msptiActivityGetNextRecord(buffer, valid, &record) == MSPTI_SUCCESS) keep(record);
}

void Mspti::keep(const msptiActivity* record) {
  switch (record->kind) {
    case MSPTI_ACTIVITY_KIND_KERNEL: {
      const auto* k = reinterpret_cast<const msptiActivityKernel*>(record);
      spans_.push_back({Span::Kind::kernel, k->correlationId, text(k->name),
                        static_cast<int32_t>(k->ds.deviceId), stream_number(k->ds.streamId),
                        static_cast<int64_t>(k->start), static_cast<int64_t>(k->end), 0});
      break;
    }
    case MSPTI_ACTIVITY_KIND_COMMUNICATION: {
      const auto* c = reinterpret_cast<const msptiActivityCommunication*>(record);
      spans_.push_back({Span::Kind::kernel, c->correlationId, text(c->name),
                        static_cast<int32_t>(c->ds.deviceId), stream_number(c->ds.streamId),
                        static_cast<int64_t>(c->start), static_cast<int64_t>(c->end), 0});
      break;
    }
    case MSPTI_ACTIVITY_KIND_MEMCPY: {
      const auto* m = reinterpret_cast<const msptiActivityMemcpy*>(record);
      spans_.push_back({Span::Kind::copy, m->correlationId, copy_name(m->copyKind),
                        static_cast<int32_t>(m->deviceId), stream_number(m->streamId),
                        static_cast<int64_t>(m->start), static_cast<int64_t>(m->end), m->bytes});
      break;
    }
    case MSPTI_ACTIVITY_KIND_MEMSET: {
      const auto* m = reinterpret_cast<const msptiActivityMemset*>(record);
      spans_.push_back({Span::Kind::fill, m->correlationId, "Memset", static_cast<int32_t>(m->deviceId),
                        stream_number(m->streamId), static_cast<int64_t>(m->start),
                        static_cast<int64_t>(m->end), m->bytes});
      break;
    }
    case MSPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION: {
      const auto* e = reinterpret_cast<const msptiActivityExternalCorrelation*>(record);
      if (e->externalKind == kExternal) launches_[e->correlationId] = e->externalId;
      break;
    }
    case MSPTI_ACTIVITY_KIND_API: {
      const auto* a = reinterpret_cast<const msptiActivityApi*>(record);
      callers_[a->correlationId] = static_cast<int32_t>(a->pt.threadId);
      break;
    }
    default:
      break;
  }
}

}  // namespace npu::profiler
