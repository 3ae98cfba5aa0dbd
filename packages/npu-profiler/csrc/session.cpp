// SPDX-License-Identifier: BSD-3-Clause
#include "session.h"

#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>

#include <future>
#include <utility>

#include "mspti.h"
#include "npu/cann/acl.h"
#include "npu/core/launch.h"
#include "source.h"
#include "trace.h"

namespace npu::profiler {
namespace {

using libkineto::ActivityType;

// What a device's launch thread does for a session that ends.
struct Fence {
  EventTimer* events;
  std::promise<void>* done;
  int32_t device;
};

npu_status run_fence(void* payload, aclrtStream, const char**) {
  const auto& fence = *static_cast<const Fence*>(payload);
  if (auto* wait = reinterpret_cast<decltype(&::aclrtSynchronizeDevice)>(
          core().cann_symbol("libascendcl.so", "aclrtSynchronizeDevice")))
    wait();  // an error is the program's, which meets it at its own next wait
  if (fence.events) fence.events->finish(fence.device);
  fence.done->set_value();
  return NPU_OK;
}

}  // namespace

Session::Session() = default;

// A profile that nobody stopped: Kineto drops its session at the next one, or when the process ends.
Session::~Session() {
  if (!recording_) return;
  const bool used = events_ || mspti_;
  if (used && !core().cann_symbol("libascendcl.so", "aclrtSynchronizeEvent"))
    abandon();
  else
    stop();
}

// The runtime was shut down: nothing of CANN may be called, nor torn down under a launch thread.
void Session::abandon() {
  Launches::instance().abandon();
  events_.release();
}

Launches::Timers Session::choose_timers() {
  Launches::Timers timers;
  const Source wanted = source();
  if (wanted != Source::events) {
    mspti_ = Mspti::instance().start(&reason_);
    if (!mspti_ && wanted == Source::mspti) {
      errors_.push_back("NPU_PROFILER_SOURCE=mspti: " + reason_);
      return timers;
    }
  }
  mspti_copies_ = mspti_ && Mspti::instance().records_copies();
  if (!mspti_copies_) {
    events_ = std::make_unique<EventTimer>(mspti_);
    timers.push_back(events_.get());
  }
  // The last one to begin: its mark must lie around the call and not around the events.
  if (mspti_) timers.push_back(&Mspti::instance());
  return timers;
}

void Session::start() {
  recording_ = true;
  Launches::instance().start([this] { return choose_timers(); });
  status_ = libkineto::TraceStatus::RECORDING;
}

void Session::finish_devices() {
  const Unrecorded own;
  for (const int32_t device : Launches::instance().devices()) {
    try {
      const c10::DeviceGuard guard(c10::Device(c10::kPrivateUse1, static_cast<c10::DeviceIndex>(device)));
      std::promise<void> done;
      const Fence fence{events_.get(), &done, device};
      NPU_CALL(core().enqueue("end of profile", &run_fence, &fence, sizeof fence));
      done.get_future().wait();
    } catch (const std::exception& e) {
      errors_.push_back("npu:" + std::to_string(device) + " could not be waited for: " + e.what());
    }
  }
}

void Session::stop() {
  if (!std::exchange(recording_, false)) return;
  finish_devices();
  Launches::instance().stop();
  launches_ = Launches::instance().take();
  if (mspti_) {
    std::set<int32_t> threads;
    for (const Launch& launch : launches_)
      if (launch.stream) threads.insert(launch.launch_thread);
    spans_ = Mspti::instance().stop(threads);
  }
  if (events_) {
    for (Span& span : events_->take()) spans_.push_back(std::move(span));
    if (!events_->complete()) errors_.push_back("CANN refused events: spans of the device are missing");
  }
  status_ = libkineto::TraceStatus::PROCESSING;
  if (!mspti_ && !reason_.empty()) set_notice(reason_);
  for (const std::string& error : errors_) TORCH_WARN("npu-profiler: ", error);
}

void Session::processTrace(libkineto::ActivityLogger& logger) {
  processTrace(
      logger, [](int32_t) { return nullptr; }, 0, INT64_MAX);
}

void Session::processTrace(libkineto::ActivityLogger& logger, libkineto::getLinkedActivityCallback linked,
                           int64_t begin, int64_t end) {
  Trace trace(logger, linked, begin, end);
  trace.add(launches_, spans_, !mspti_copies_);
  buffer_ = trace.release();
  rows_ = trace.rows();
  devices_ = trace.devices();
  logger_ = &logger;
  begin_ns_ = begin;
}

// Kineto asks for one device while it ends the trace, after it has named every number from 0 "GPU"; what
// comes later counts. So all of ours are told here.
std::unique_ptr<libkineto::DeviceInfo> Session::getDeviceInfo() {
  auto* logger = std::exchange(logger_, nullptr);
  if (!logger || devices_.empty()) return nullptr;
  for (size_t i = 1; i < devices_.size(); ++i) logger->handleDeviceInfo(devices_[i], begin_ns_);
  return std::make_unique<libkineto::DeviceInfo>(devices_.front());
}

std::unique_ptr<libkineto::CpuTraceBuffer> Session::getTraceBuffer() { return std::move(buffer_); }

std::unordered_map<std::string, std::string> Session::getMetadata() {
  if (!mspti_ && !events_) return {};  // no device was used
  return {{"npu_kernels_timed_by", mspti_ ? "\"mspti\"" : "\"events\""},
          {"npu_copies_timed_by", mspti_copies_ ? "\"mspti\"" : "\"events\""}};
}

const std::string& Profiler::name() const {
  static const std::string name = "npu-profiler";
  return name;
}

const std::set<ActivityType>& Profiler::availableActivities() const {
  static const std::set<ActivityType> types{
      ActivityType::CONCURRENT_KERNEL,   ActivityType::GPU_MEMCPY,          ActivityType::GPU_MEMSET,
      ActivityType::GPU_USER_ANNOTATION, ActivityType::PRIVATEUSE1_RUNTIME, ActivityType::PRIVATEUSE1_DRIVER};
  return types;
}

std::unique_ptr<libkineto::IActivityProfilerSession> Profiler::configure(const std::set<ActivityType>& types,
                                                                         const libkineto::Config&) {
  if (!types.count(ActivityType::CONCURRENT_KERNEL)) return nullptr;
  source();  // a wrong setting is refused here, not at the first operator
  return std::make_unique<Session>();
}

std::unique_ptr<libkineto::IActivityProfilerSession> Profiler::configure(int64_t, int64_t,
                                                                         const std::set<ActivityType>& types,
                                                                         const libkineto::Config& config) {
  return configure(types, config);
}

}  // namespace npu::profiler
