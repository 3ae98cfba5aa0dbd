// SPDX-License-Identifier: BSD-3-Clause
#include "trace.h"

#include <unistd.h>

#include <algorithm>
#include <unordered_map>

#include "event_timer.h"

namespace npu::profiler {
namespace {

using libkineto::ActivityType;

// Where rows of devices stand: below those of processes.
constexpr int64_t kDeviceSort = 5000000;
// The row of copies that blocked their caller, which CANN ran on no stream of ours.
constexpr int64_t kNoStreamRow = 1 << 20;

int64_t row_of(int64_t stream) { return stream < 0 ? kNoStreamRow : stream; }

ActivityType type_of(Span::Kind kind) {
  switch (kind) {
    case Span::Kind::copy:
      return ActivityType::GPU_MEMCPY;
    case Span::Kind::fill:
      return ActivityType::GPU_MEMSET;
    default:
      return ActivityType::CONCURRENT_KERNEL;
  }
}

}  // namespace

Trace::Trace(libkineto::ActivityLogger& logger, const libkineto::getLinkedActivityCallback& linked,
             int64_t begin, int64_t end)
    : logger_(logger),
      linked_(linked),
      begin_(begin),
      end_(end),
      buffer_(std::make_unique<libkineto::CpuTraceBuffer>()) {
  buffer_->span = libkineto::TraceSpan(begin, end, "npu-profiler");
  buffer_->gpuOpCount = 0;
}

libkineto::GenericTraceActivity* Trace::make(ActivityType type, const std::string& name, int64_t begin,
                                             int64_t end) {
  if (begin < begin_ || end > end_ || end < begin) return nullptr;
  buffer_->emplace_activity(buffer_->span, type, name);
  libkineto::GenericTraceActivity* activity = buffer_->activities.back().get();
  activity->startTime = begin;
  activity->endTime = end;
  return activity;
}

const libkineto::ITraceActivity* Trace::linked(uint64_t id) const {
  return id ? linked_(static_cast<int32_t>(id)) : nullptr;
}

void Trace::add_host(const Launch& launch, bool flows) {
  const auto id = static_cast<int32_t>(launch.id);
  if (auto* a =
          make(ActivityType::PRIVATEUSE1_RUNTIME, "npuEnqueue", launch.enqueue_begin, launch.enqueue_end)) {
    a->id = id;
    a->device = getpid();
    a->resource = a->threadId = launch.enqueue_thread;
    a->linked = linked(launch.operator_id);
    if (flows) {
      a->flow.id = static_cast<uint32_t>(id);
      a->flow.type = libkineto::kLinkAsyncCpuGpu;
      a->flow.start = 1;
    }
    a->addMetadata("correlation", id);
    a->addMetadataQuoted("work", launch.what.name);
    logger_.handleActivity(*a);
  }
  if (!launch.stream || !launch.launch_begin) return;
  // Not linked: torch would move it to the operator's thread, where it did not run.
  if (auto* a =
          make(ActivityType::PRIVATEUSE1_DRIVER, launch.what.name, launch.launch_begin, launch.launch_end)) {
    a->id = id;
    a->device = getpid();
    a->resource = a->threadId = launch.launch_thread;
    a->addMetadata("correlation", id);
    logger_.handleActivity(*a);
    if (launch.launch_thread != launch.enqueue_thread) launch_threads_.insert(launch.launch_thread);
  }
}

void Trace::add_span(const Span& span, const Launch* launch, bool flows) {
  auto* a = make(type_of(span.kind), span.name, span.begin_ns, span.end_ns);
  if (!a) return;
  // torch's number of the device where it is known: CANN may count devices that this process does not see.
  const int32_t device = launch ? launch->what.device : span.device;
  const Row row{device, row_of(span.stream)};
  rows_.insert(row);
  a->device = device;
  a->resource = a->threadId = static_cast<int32_t>(row.second);
  a->addMetadata("device", device);
  a->addMetadata("stream", span.stream);
  if (launch) {
    a->id = static_cast<int32_t>(launch->id);
    a->linked = linked(launch->operator_id);
    if (flows) {
      a->flow.id = static_cast<uint32_t>(a->id);
      a->flow.type = libkineto::kLinkAsyncCpuGpu;
      a->flow.start = 0;
    }
    if (launch->annotation_id) {
      auto [it, fresh] =
          annotations_.try_emplace({launch->annotation_id, row}, Range{span.begin_ns, span.end_ns});
      it->second.begin = std::min(it->second.begin, span.begin_ns);
      it->second.end = std::max(it->second.end, span.end_ns);
    }
  }
  a->addMetadata("correlation", a->id);
  if (span.kind != Span::Kind::kernel) a->addMetadata("bytes", span.nbytes);
  ++buffer_->gpuOpCount;
  logger_.handleActivity(*a);
}

// The stretch of each stream that worked for a record_function range.
void Trace::add_annotations() {
  for (const auto& [key, range] : annotations_) {
    const libkineto::ITraceActivity* host = linked(key.first);
    if (!host) continue;
    auto* a = make(ActivityType::GPU_USER_ANNOTATION, host->name(), range.begin, range.end);
    if (!a) continue;
    a->id = static_cast<int32_t>(key.first);
    a->device = static_cast<int32_t>(key.second.first);
    a->resource = a->threadId = static_cast<int32_t>(key.second.second);
    // Not linked: torch would add its time to that of the range's kernels.
    logger_.handleActivity(*a);
  }
}

std::vector<libkineto::ResourceInfo> Trace::rows() const {
  std::vector<libkineto::ResourceInfo> found;
  for (const auto& [device, stream] : rows_)
    found.push_back({stream, stream, device,
                     stream == kNoStreamRow ? "blocking copies" : "stream " + std::to_string(stream)});
  for (const int32_t thread : launch_threads_)
    found.push_back({thread, thread, getpid(), "npu launch thread " + std::to_string(thread)});
  return found;
}

std::vector<libkineto::DeviceInfo> Trace::devices() const {
  std::vector<libkineto::DeviceInfo> found;
  for (const auto& [device, stream] : rows_)
    if (found.empty() || found.back().id != device)
      found.push_back(
          {device, kDeviceSort + device, "npu:" + std::to_string(device), "NPU " + std::to_string(device)});
  return found;
}

void Trace::add(const std::deque<Launch>& launches, const Spans& spans, bool blocking_copies) {
  std::unordered_map<uint64_t, const Launch*> by_id;
  for (const Launch& launch : launches) by_id.emplace(launch.id, &launch);
  Spans every = spans;
  std::erase_if(every, [&](const Span& s) { return s.launch && !by_id.count(s.launch); });
  if (blocking_copies)
    for (const Launch& launch : launches)
      if (launch.launch_begin && !launch.stream) every.push_back(EventTimer::host_span(launch));
  std::stable_sort(every.begin(), every.end(),
                   [](const Span& a, const Span& b) { return a.begin_ns < b.begin_ns; });

  // A flow has two ends: of an operator's kernels the first gets it, and an enqueue whose work left no trace
  // none.
  std::set<uint64_t> flows;
  for (Span& span : every) {
    const auto found = by_id.find(span.launch);
    const Launch* launch = found == by_id.end() ? nullptr : found->second;
    if (launch && span.name.empty()) {
      const Span named = EventTimer::named(*launch);
      span.name = named.name;
      span.kind = named.kind;
      span.nbytes = named.nbytes;
    }
    const bool whole =
        launch && span.begin_ns >= begin_ && span.end_ns <= end_ && launch->enqueue_begin >= begin_;
    add_span(span, launch, whole && flows.insert(span.launch).second);
  }
  for (const Launch& launch : launches) add_host(launch, flows.count(launch.id) != 0);
  add_annotations();
}

std::unique_ptr<libkineto::CpuTraceBuffer> Trace::release() { return std::move(buffer_); }

}  // namespace npu::profiler
