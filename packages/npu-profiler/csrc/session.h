// SPDX-License-Identifier: BSD-3-Clause
// Kineto's view of us: a child profiler for device PrivateUse1 and its sessions.
#pragma once

#include <torch/csrc/profiler/standalone/privateuse1_profiler.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <libkineto.h>

#include "event_timer.h"
#include "launches.h"
#include "spans.h"

namespace npu::profiler {

// One recording, from Kineto's configure() to the trace.
class Session final : public libkineto::IActivityProfilerSession {
 public:
  Session();
  ~Session() override;

  void start() override;
  // Waits for the work that was enqueued, on every device that got some.
  void stop() override;

  using libkineto::IActivityProfilerSession::processTrace;
  void processTrace(libkineto::ActivityLogger& logger) override;
  void processTrace(libkineto::ActivityLogger& logger, libkineto::getLinkedActivityCallback linked,
                    int64_t begin, int64_t end) override;

  std::vector<std::string> errors() override { return errors_; }
  std::unique_ptr<libkineto::DeviceInfo> getDeviceInfo() override;
  std::vector<libkineto::ResourceInfo> getResourceInfos() override { return rows_; }
  std::unique_ptr<libkineto::CpuTraceBuffer> getTraceBuffer() override;
  std::unordered_map<std::string, std::string> getMetadata() override;

  void pushCorrelationId(uint64_t id) override { push_operator(id); }
  void popCorrelationId() override { pop_operator(); }
  void pushUserCorrelationId(uint64_t id) override { push_annotation(id); }
  void popUserCorrelationId() override { pop_annotation(); }

 private:
  Launches::Timers choose_timers();
  void finish_devices();
  void abandon();

  std::unique_ptr<EventTimer> events_;
  bool recording_ = false;
  bool mspti_ = false, mspti_copies_ = false;
  std::string reason_;  // why libmspti is not the source of kernels
  std::vector<std::string> errors_;
  std::deque<Launch> launches_;
  Spans spans_;
  std::unique_ptr<libkineto::CpuTraceBuffer> buffer_;
  libkineto::ActivityLogger* logger_ = nullptr;
  int64_t begin_ns_ = 0;
  std::vector<libkineto::ResourceInfo> rows_;
  std::vector<libkineto::DeviceInfo> devices_;
};

class Profiler final : public libkineto::IActivityProfiler {
 public:
  const std::string& name() const override;
  const std::set<libkineto::ActivityType>& availableActivities() const override;
  // Null if no activity of a device is asked for.
  std::unique_ptr<libkineto::IActivityProfilerSession> configure(
      const std::set<libkineto::ActivityType>& activity_types, const libkineto::Config& config) override;
  std::unique_ptr<libkineto::IActivityProfilerSession> configure(
      int64_t ts_ms, int64_t duration_ms, const std::set<libkineto::ActivityType>& activity_types,
      const libkineto::Config& config) override;
};

}  // namespace npu::profiler
