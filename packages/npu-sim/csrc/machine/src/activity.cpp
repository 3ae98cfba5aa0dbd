#include "npu_sim/activity.h"

#include "npu_sim/stream.h"

namespace npu_sim {
namespace {

thread_local const CallScope* t_scope = nullptr;

uint64_t next_correlation() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

std::atomic<const ActivityObserver*> activity_observer{nullptr};

const CallScope* CallScope::current() { return t_scope; }

void CallScope::enter(const ActivityObserver& observer, const char* name, const ActivityFacts& facts) {
  observer_ = &observer;
  outer_ = t_scope;
  name_ = name;
  correlation_ = next_correlation();
  facts_ = facts;
  t_scope = this;
  observer.call_entered(name, correlation_);
  begin_ns_ = activity_now();
}

void CallScope::leave() {
  const int64_t end = activity_now();
  t_scope = outer_;
  observer_->call_left(name_, correlation_, begin_ns_, end);
}

void CallScope::ran(int device, int64_t begin_ns, int64_t end_ns) const {
  if (observer_)
    observer_->task_ran({name_, Engine::copy, device, -1, correlation_, begin_ns, end_ns, facts_});
}

PendingActivity* pending_activity() {
  if (!activity_observer.load(std::memory_order_acquire)) return nullptr;
  if (t_scope) return new PendingActivity{t_scope->correlation(), t_scope->facts()};
  return new PendingActivity{next_correlation(), {}};
}

}  // namespace npu_sim
