#include "npu_sim/report.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "npu_sim/event.h"
#include "npu_sim/queue.h"

namespace npu_sim {
namespace {

struct Callback {
  aclrtCallback fn;
  void* data;
  std::shared_ptr<Mark> ran;
};

struct ReportQueue {
  std::vector<std::shared_ptr<Stream>> streams;
  std::deque<Callback> callbacks;
};

// All queues behind one lock: callbacks are rare.
struct Reports {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<uint64_t, ReportQueue> queues;  // by thread

  ReportQueue* of(const Stream& stream) {
    for (auto& [thread, queue] : queues)
      for (const auto& s : queue.streams)
        if (s.get() == &stream) return &queue;
    return nullptr;
  }
};

Reports& reports() {
  static auto* r = new Reports;
  return *r;
}

}  // namespace

int subscribe(uint64_t thread, const std::shared_ptr<Stream>& stream) {
  Reports& r = reports();
  std::lock_guard lock(r.mutex);
  if (r.of(*stream))
    return fail(ACL_ERROR_RT_STREAM_SUBSCRIBE, "the stream is subscribed already: unsubscribe it first");
  r.queues[thread].streams.push_back(stream);
  return 0;
}

int unsubscribe(uint64_t thread, const std::shared_ptr<Stream>& stream) {
  Reports& r = reports();
  std::lock_guard lock(r.mutex);
  auto it = r.queues.find(thread);
  if (it == r.queues.end())
    return fail(ACL_ERROR_RT_THREAD_SUBSCRIBE, "the thread is not subscribed to any stream");
  if (std::erase(it->second.streams, stream) == 0)
    return fail(ACL_ERROR_RT_STREAM_NO_CB_REG, "the stream is not subscribed by this thread");
  if (!it->second.streams.empty()) return 0;
  for (Callback& c : it->second.callbacks) c.ran->reach();  // nobody will run them: let their streams go on
  r.queues.erase(it);
  r.changed.notify_all();
  return 0;
}

int launch_callback(Stream& stream, aclrtCallback fn, void* data, bool block) {
  {
    Reports& r = reports();
    std::lock_guard lock(r.mutex);
    if (!r.of(stream))
      return fail(
          ACL_ERROR_RT_STREAM_NO_CB_REG,
          "no thread is subscribed to the stream: call aclrtSubscribeReport before aclrtLaunchCallback");
  }
  auto post = [fn, data, block, stream = stream.shared_from_this()] {
    auto ran = std::make_shared<Mark>(nullptr);
    {
      Reports& r = reports();
      std::lock_guard lock(r.mutex);
      ReportQueue* queue = r.of(*stream);
      if (!queue) return 0;  // unsubscribed meanwhile
      queue->callbacks.push_back({fn, data, ran});
      r.changed.notify_all();
    }
    if (block) ran->wait(Clock::time_point::max(), worker_stream());
    return 0;
  };
  return stream.enqueue("aclrtLaunchCallback", post, Engine::host, nullptr);
}

int process_report(int timeout_ms) {
  Reports& r = reports();
  const uint64_t thread = static_cast<uint64_t>(pthread_self());
  auto deadline = deadline_after(timeout_ms);
  std::unique_lock lock(r.mutex);
  for (;;) {
    auto it = r.queues.find(thread);
    if (it == r.queues.end())
      return fail(ACL_ERROR_RT_THREAD_SUBSCRIBE,
                  "this thread is not subscribed: call aclrtSubscribeReport with its pthread id first");
    if (!it->second.callbacks.empty()) {
      Callback callback = std::move(it->second.callbacks.front());
      it->second.callbacks.pop_front();
      lock.unlock();
      callback.fn(callback.data);
      callback.ran->reach();
      return 0;
    }
    if (deadline == Clock::time_point::max()) {
      r.changed.wait(lock);
    } else if (r.changed.wait_until(lock, deadline) == std::cv_status::timeout) {
      return fail(ACL_ERROR_RT_REPORT_TIMEOUT,
                  "no callback came within " + std::to_string(timeout_ms) + " ms");
    }
  }
}

}  // namespace npu_sim
