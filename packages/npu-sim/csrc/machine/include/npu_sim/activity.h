// SPDX-License-Identifier: BSD-3-Clause
// What libmspti is told of calls and of the tasks that they put on streams. Without it: one load a call.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "npu/cann/acl_types.h"
#include "npu_sim/api.h"

namespace npu_sim {

enum class Engine;

// What a copy, a set or a collective is about.
struct ActivityFacts {
  uint64_t count = 0;  // bytes; elements of a collective
  int32_t kind = 0;    // aclrtMemcpyKind; HcclDataType of a collective
  uint32_t value = 0;  // of a set
  bool async = true;
  const char* group =
      nullptr;  // of a collective: its communicator's name, which lives as long as the process
};

struct TaskActivity {
  const char* name;
  Engine engine;
  int device, stream;  // a stream of -1: none, the call blocked its thread
  uint64_t correlation;
  int64_t begin_ns, end_ns;
  ActivityFacts facts;
};

// A moment that the program named. One with a stream is told twice: when the call is made (stream -1), and
// when the stream reaches it.
struct MarkActivity {
  enum class Phase { instant, start, end } phase;
  const char* name;    // empty for an end
  const char* domain;  // both live as long as the process
  uint64_t id;         // a range's start and end share it
  bool on_stream;
  int device, stream;
  int64_t time_ns;
};

// All are called on the thread where the thing happens, and must neither throw nor enqueue.
struct ActivityObserver {
  void (*call_entered)(const char* name, uint64_t correlation);
  void (*call_left)(const char* name, uint64_t correlation, int64_t begin_ns, int64_t end_ns);
  void (*task_ran)(const TaskActivity& task);
  void (*marked)(const MarkActivity& mark);
};

// Adds or removes an observer, which lives as long as the process. There may be four.
NPU_SIM_API void observe_activity(const ActivityObserver* observer, bool on);
// Who is told: null, the only observer, or one that tells all. Only observe_activity writes it.
NPU_SIM_API extern std::atomic<const ActivityObserver*> activity_observer;

// Tells observers of a mark now and, if `stream` is not null, once more when the stream reaches it. Answers
// an aclError.
NPU_SIM_API int mark_activity(MarkActivity::Phase phase, const char* name, const char* domain, uint64_t id,
                              aclrtStream stream);
// A copy of `text` that lives as long as the process; equal texts share one.
NPU_SIM_API const char* keep_text(const char* text, size_t length);

// Nanoseconds since the epoch, the clock of all records.
inline int64_t activity_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// One call of the ABI; the tasks that it enqueues belong to it.
class NPU_SIM_API CallScope {
 public:
  explicit CallScope(const char* name, const ActivityFacts& facts = {}) {
    if (const auto* observer = activity_observer.load(std::memory_order_acquire))
      enter(*observer, name, facts);
  }
  ~CallScope() {
    if (observer_) leave();
  }
  CallScope(const CallScope&) = delete;  // it is a mark on its thread's stack

  // The innermost one of this thread, or null.
  static const CallScope* current();
  // Reports the work that a blocking call did on its own thread between two times.
  void ran(int device, int64_t begin_ns, int64_t end_ns) const;

  bool observed() const { return observer_ != nullptr; }
  uint64_t correlation() const { return correlation_; }
  const ActivityFacts& facts() const { return facts_; }

 private:
  void enter(const ActivityObserver& observer, const char* name, const ActivityFacts& facts);
  void leave();

  const ActivityObserver* observer_ = nullptr;
  const CallScope* outer_ = nullptr;
  const char* name_ = nullptr;
  uint64_t correlation_ = 0;
  int64_t begin_ns_ = 0;
  ActivityFacts facts_;
};

// What a queued task carries while somebody listens.
struct PendingActivity {
  uint64_t correlation;
  ActivityFacts facts;
};
// For the task that this thread is about to enqueue; null if nobody listens. Owned by the caller.
PendingActivity* pending_activity();

}  // namespace npu_sim
