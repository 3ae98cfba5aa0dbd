// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "npu_sim/api.h"
#include "npu_sim/handle_table.h"
#include "npu_sim/queue.h"

namespace npu_sim {

// A flag that one stream sets and another waits for and takes: each record lets one wait pass.
class NPU_SIM_API Notify {
 public:
  static int record(const std::shared_ptr<Notify>& notify, Stream& stream);
  // `timeout_ms` negative: for ever.
  static int wait_and_reset(const std::shared_ptr<Notify>& notify, Stream& stream, int timeout_ms);

 private:
  bool take(Clock::time_point deadline, const Stream& waiter);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
  std::shared_ptr<const VectorClock> known_;  // while the checker is on
};

NPU_SIM_API HandleTable<Notify>& notifies();

}  // namespace npu_sim
