#include "npu_sim/activity.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <set>
#include <string>

#include "npu_sim/device.h"
#include "npu_sim/queue.h"

namespace npu_sim {
namespace {

thread_local const CallScope* t_scope = nullptr;

uint64_t next_correlation() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

std::mutex g_observers_mutex;
// Read without the lock: a removed observer may still be told of what happens meanwhile.
std::array<std::atomic<const ActivityObserver*>, 4> g_observers{};

template <class Tell>
void tell_all(Tell tell) {
  for (const auto& slot : g_observers)
    if (const auto* observer = slot.load(std::memory_order_acquire)) tell(*observer);
}

constexpr ActivityObserver kAll{
    [](const char* name, uint64_t correlation) {
      tell_all([&](const ActivityObserver& o) { o.call_entered(name, correlation); });
    },
    [](const char* name, uint64_t correlation, int64_t begin_ns, int64_t end_ns) {
      tell_all([&](const ActivityObserver& o) { o.call_left(name, correlation, begin_ns, end_ns); });
    },
    [](const TaskActivity& task) { tell_all([&](const ActivityObserver& o) { o.task_ran(task); }); },
    [](const MarkActivity& mark) { tell_all([&](const ActivityObserver& o) { o.marked(mark); }); }};

}  // namespace

std::atomic<const ActivityObserver*> activity_observer{nullptr};

void observe_activity(const ActivityObserver* observer, bool on) {
  std::lock_guard lock(g_observers_mutex);
  auto find = [](const ActivityObserver* wanted) {
    return std::find_if(g_observers.begin(), g_observers.end(),
                        [&](auto& slot) { return slot.load() == wanted; });
  };
  auto slot = find(observer);
  if (on == (slot != g_observers.end())) return;
  if (on) slot = find(nullptr);
  if (slot != g_observers.end()) slot->store(on ? observer : nullptr, std::memory_order_release);
  const ActivityObserver* only = nullptr;
  auto count = 0;
  for (const auto& s : g_observers)
    if (const auto* o = s.load()) {
      only = o;
      ++count;
    }
  activity_observer.store(count > 1 ? &kAll : only, std::memory_order_release);
}

const char* keep_text(const char* text, size_t length) {
  static std::mutex mutex;
  static auto* kept = new std::set<std::string>;
  std::lock_guard lock(mutex);
  return kept->emplace(text, length).first->c_str();
}

int mark_activity(MarkActivity::Phase phase, const char* name, const char* domain, uint64_t id,
                  aclrtStream handle) {
  const auto* observer = activity_observer.load(std::memory_order_acquire);
  if (!observer) return 0;
  MarkActivity mark{phase, name, domain, id, handle != nullptr, -1, -1, activity_now()};
  observer->marked(mark);
  if (!handle) return 0;
  auto stream = streams().find(handle);
  if (!stream)
    return fail(ACL_ERROR_RT_INVALID_HANDLE,
                "the stream handle names no live stream: it was destroyed or never created");
  mark.device = stream->device.id;
  mark.stream = stream->id;
  auto tell = [m = std::make_unique<MarkActivity>(mark)] {
    m->time_ns = activity_now();
    if (const auto* o = activity_observer.load(std::memory_order_acquire)) o->marked(*m);
    return 0;
  };
  return stream->enqueue("mark", std::move(tell), Engine::host, nullptr);
}

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
