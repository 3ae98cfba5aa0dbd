#include "npu_sim/notify.h"

#include <algorithm>

#include "npu_sim/machine.h"
#include "watch.h"

namespace npu_sim {

HandleTable<Notify>& notifies() {
  static auto* table = new HandleTable<Notify>(5);
  return *table;
}

int Notify::record(const std::shared_ptr<Notify>& notify, Stream& stream) {
  auto set = [notify] {
    {
      std::lock_guard lock(notify->mutex_);
      notify->set_ = true;
      if (watching() & kWatchCheck) notify->known_ = check_release();
    }
    notify->changed_.notify_all();
    return 0;
  };
  return stream.enqueue("aclrtRecordNotify", set, Engine::host, nullptr);
}

bool Notify::take(Clock::time_point deadline, const Stream& waiter) {
  std::unique_lock lock(mutex_);
  while (!set_) {
    if (Clock::now() >= deadline || waiter.aborted() || exiting.load()) return false;
    // Looks again now and then: an abort does not know what its stream waits for.
    changed_.wait_until(lock, std::min(deadline, Clock::now() + std::chrono::milliseconds(20)));
  }
  set_ = false;
  if (watching() & kWatchCheck) check_acquire(known_);
  return true;
}

int Notify::wait_and_reset(const std::shared_ptr<Notify>& notify, Stream& stream, int timeout_ms) {
  auto wait = [notify, timeout_ms]() -> int {
    const Stream* stream = worker_stream();
    if (notify->take(deadline_after(timeout_ms), *stream) || stream->aborted() || exiting.load()) return 0;
    return fail(ACL_ERROR_RT_EVENT_SYNC_TIMEOUT,
                "the notify was not recorded within " + std::to_string(timeout_ms) + " ms");
  };
  return stream.enqueue("aclrtWaitAndResetNotify", wait, Engine::host, nullptr);
}

}  // namespace npu_sim
