// SPDX-License-Identifier: BSD-3-Clause
// The activity records of CANN's libmspti: each kernel as the device timed it.
//
// CANN gives kernels, calls and collectives to whoever opens the library, and the device's copies and sets
// only where it was preloaded. Kernels carry CANN's correlation id; that a call's launch has our id is told
// by pushing it as external id around the call.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "launches.h"
#include "npu/cann/mspti.h"
#include "spans.h"

namespace npu::profiler {

class Mspti final : public DeviceTimer {
 public:
  // One a process, since CANN has one subscriber and its callbacks take no argument.
  static Mspti& instance();

  // Starts to record. False, with `reason` and what mends it, if this CANN does not let us.
  bool start(std::string* reason);
  // Ends it and answers what was recorded. The device must have finished what it is to record. Of work that
  // nobody recorded, what `launch_threads` called is left out: it was enqueued before the recording began.
  Spans stop(const std::set<int32_t>& launch_threads);
  bool records_copies() const { return copies_; }

  void begin(uint64_t id, aclrtStream stream, const npu_activity& what) override;
  void end(uint64_t id, aclrtStream stream) override;

 private:
  struct Api;

  bool load(std::string* reason);
  bool enable(std::string* reason);
  void read(uint8_t* buffer, size_t valid);
  void keep(const msptiActivity* record);
  static void request(uint8_t** buffer, size_t* size, size_t* records);
  static void complete(uint8_t* buffer, size_t size, size_t valid);

  std::shared_ptr<const Api> api_;
  msptiSubscriberHandle subscriber_ = nullptr;
  bool copies_ = false;

  std::mutex mutex_;
  Spans spans_;                                      // `launch` holds CANN's correlation id until stop()
  std::unordered_map<uint64_t, uint64_t> launches_;  // of CANN's correlation ids
  std::unordered_map<uint64_t, int32_t> callers_;    // of CANN's correlation ids, the thread
};

}  // namespace npu::profiler
