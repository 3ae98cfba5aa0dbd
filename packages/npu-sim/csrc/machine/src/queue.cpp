#include "npu_sim/queue.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <exception>
#include <thread>

#include "npu_sim/capture.h"
#include "npu_sim/context.h"
#include "npu_sim/device.h"
#include "npu_sim/machine.h"
#include "watch.h"

namespace npu_sim {
namespace {

// As deep as a device's own queue: a host that runs further ahead waits.
constexpr size_t kDepth = 4096;
// How long a worker or a waiter looks again before it sleeps; a wake-up costs several times as much.
constexpr auto kSpin = std::chrono::microseconds(10);

thread_local Stream* t_worker = nullptr;

template <class Predicate>
bool spin(Predicate done) {
  auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (Clock::now() < end);
  return false;
}

// A wait that lasted too long is its stream's error only.
bool is_device_fault(int code) {
  return code >= 507000 && code <= 507999 && code != ACL_ERROR_RT_STREAM_SYNC_TIMEOUT &&
         code != ACL_ERROR_RT_EVENT_SYNC_TIMEOUT;
}

int next_stream_id() {
  static std::atomic<int> next{0};
  return next++;
}

}  // namespace

Clock::time_point deadline_after(int timeout_ms) {
  return timeout_ms < 0 ? Clock::time_point::max() : Clock::now() + std::chrono::milliseconds(timeout_ms);
}

HandleTable<Stream>& streams() {
  static auto* table = new HandleTable<Stream>(1);
  return *table;
}

// CANN's own default.
std::atomic<int64_t> op_execute_timeout_us{1091LL * 1000 * 1000};

Stream* worker_stream() { return t_worker; }

Stream::Stream(Context& context, uint32_t priority, uint32_t flags)
    : device(context.device), context(&context), id(next_stream_id()), flags(flags), priority(priority) {}

bool Stream::on_worker() const { return t_worker == this; }

int Stream::enqueue(const char* name, Task task, Engine engine, uint64_t* ticket) {
  if (diverted()) {
    if (ticket) *ticket = 0;
    return npu_sim::divert(*this, name, std::move(task), engine);
  }
  if (stopped() && engine != Engine::host) {
    std::lock_guard lock(error_mutex_);
    return fail(error_,
                std::string(name) + " is refused: the stream stops on failure, and " + error_message_);
  }
  std::unique_ptr<PendingActivity> activity(pending_activity());
  std::unique_ptr<Stamp> stamp;
  if (watching()) [[unlikely]]
    stamp = make_stamp();
  std::unique_lock lock(mutex_);
  if (pending_.size() >= kDepth && !on_worker()) {
    ++waiters_;
    progress_.wait(lock, [&] { return pending_.size() < kDepth || closed_; });
    --waiters_;
  }
  // After the wait: the stream may have been destroyed meanwhile, and nobody would run the task.
  if (closed_)
    return fail(ACL_ERROR_RT_INVALID_HANDLE, std::string(name) + " is refused: its stream was destroyed");
  pending_.push_back({name, std::move(task), engine, std::move(activity), std::move(stamp)});
  uint64_t mine = submitted_.load(std::memory_order_relaxed) + 1;
  submitted_.store(mine, std::memory_order_release);
  if (ticket) *ticket = mine;
  if (!started_) {
    started_ = true;
    // The worker takes no signal of the process: Ctrl-C belongs to the thread that runs Python.
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([self = shared_from_this()] { self->work(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  } else if (asleep_) {
    work_ready_.notify_one();
  }
  return 0;
}

// Waits for tasks; false when the stream is closed and has none left.
bool Stream::take(std::vector<Item>& batch) {
  uint64_t done = completed_.load(std::memory_order_relaxed);
  spin([&] { return submitted_.load(std::memory_order_acquire) != done; });
  std::unique_lock lock(mutex_);
  asleep_ = true;
  work_ready_.wait(lock, [&] { return !pending_.empty() || closed_; });
  asleep_ = false;
  batch.swap(pending_);
  if (waiters_.load()) progress_.notify_all();  // there is room again
  return !batch.empty();
}

void Stream::work() {
  t_worker = this;
  pthread_setname_np(pthread_self(), ("npu" + std::to_string(device.id) + "-s" + std::to_string(id)).c_str());
  std::vector<Item> batch;
  while (take(batch)) {
    for (Item& item : batch) {
      run({item.name, item.task, item.engine, item.activity.get(), item.stamp.get()});
      // What the task captured goes before anyone learns that it is complete.
      { Task gone(std::move(item.task)); }
      completed_.fetch_add(1);
      if (waiters_.load()) {
        { std::lock_guard lock(mutex_); }
        progress_.notify_all();
      }
    }
    batch.clear();
  }
}

void Stream::run(const Work& work) {
  if (work.engine != Engine::host && (device.fault() || aborted() || stopped())) return;
  bool compute = work.engine == Engine::compute;
  if (compute) device.slots.acquire(priority.load(std::memory_order_relaxed));
  auto begin = Clock::now();
  int code = 0;
  std::string message;
  if (!begin_task())
    for (;;) pause();
  try {
    if (watching()) [[unlikely]]
      code = run_watched(work);
    else
      code = work.activity ? perform(work) : work.task();
    if (code) message = take_error_message();
  } catch (const std::exception& e) {
    code = ACL_ERROR_RT_AICORE_EXCEPTION;
    message = e.what();
  }
  end_task();
  const auto took = Clock::now() - begin;
  if (compute) device.slots.release(std::chrono::nanoseconds(took).count());
  if (const int64_t limit = op_execute_timeout_us.load(std::memory_order_relaxed);
      compute && code == 0 && limit >= 0 && !aborted() && took > std::chrono::microseconds(limit)) {
    code = ACL_ERROR_RT_AICORE_TIMEOUT;
    message = "it ran longer than the " + std::to_string(limit / 1000) + " ms that an operator may take";
  }
  if (code) record_error(work.name, code, message);
}

// Runs a task that somebody listens to.
int Stream::perform(const Work& work) {
  const int64_t begin = activity_now();
  const int code = work.task();
  tell(work, begin, activity_now());
  return code;
}

void Stream::tell(const Work& work, int64_t begin_ns, int64_t end_ns) {
  if (const auto* observer = activity_observer.load(std::memory_order_acquire))
    observer->task_ran({work.name, work.engine, device.id, id, work.activity->correlation, begin_ns, end_ns,
                        work.activity->facts});
}

void Stream::record_error(const char* name, int code, const std::string& message) {
  std::string text = std::string(name) + " failed on stream " + std::to_string(id) +
                     " of npu:" + std::to_string(device.id) + ": " + error_name(code) + " (" +
                     std::to_string(code) + ")";
  if (!message.empty()) text += ": " + message;
  if (is_device_fault(code)) device.set_fault(code, text);
  std::lock_guard lock(error_mutex_);
  if (error_) return;
  error_ = code;
  error_message_ = std::move(text);
  failed_.store(true);
}

int Stream::report() {
  if (int fault = device.fault()) return fail(fault, device.fault_message());
  if (!failed_.load()) return 0;
  std::lock_guard lock(error_mutex_);
  if (!error_) return 0;
  fail(error_, error_message_);
  if (stop_on_failure_.load(std::memory_order_relaxed)) return error_;
  failed_.store(false);
  return std::exchange(error_, 0);
}

bool Stream::finished() {
  if (!completed(submitted())) return false;
  if (watching() & kWatchCheck) check_joined(*this);
  return true;
}

bool Stream::wait(uint64_t ticket, Clock::time_point deadline) {
  const bool in_time = await(ticket, deadline);
  if (in_time && (watching() & kWatchCheck)) check_joined(*this);
  return in_time;
}

bool Stream::await(uint64_t ticket, Clock::time_point deadline) {
  if (completed(ticket) || spin([&] { return completed(ticket); })) return true;
  std::unique_lock lock(mutex_);
  ++waiters_;
  auto done = [&] { return completed_.load() >= ticket; };
  bool in_time = true;
  if (deadline == Clock::time_point::max()) {
    progress_.wait(lock, done);
  } else {
    in_time = progress_.wait_until(lock, deadline, done);
  }
  --waiters_;
  return in_time;
}

int Stream::synchronize(int timeout_ms) {
  if (diverted())
    if (int code = refuse_captured(*this, "a synchronisation")) return code;
  if (on_worker())
    return fail(ACL_ERROR_RT_STREAM_NOT_SUPPORT_OPERA,
                "a callback of a stream must not wait for that stream: it would wait for itself");
  uint32_t aborts = aborts_.load();
  if (!wait(submitted(), deadline_after(timeout_ms)))
    return fail(ACL_ERROR_RT_STREAM_SYNC_TIMEOUT,
                "stream " + std::to_string(id) + " of npu:" + std::to_string(device.id) +
                    " did not finish within " + std::to_string(timeout_ms) + " ms");
  if (aborts_.load() != aborts)
    return fail(abort_code_.load(),
                "the work of stream " + std::to_string(id) + " was discarded by an abort");
  return report();
}

void Stream::divert(std::shared_ptr<Diversion> to) {
  diversion_ = std::move(to);
  diverted_.store(diversion_ != nullptr, std::memory_order_release);
}

void Stream::abort(int code) {
  abort_code_.store(code);
  aborts_.fetch_add(1);
  aborted_.store(true, std::memory_order_release);
}

void Stream::resume() {
  std::lock_guard lock(error_mutex_);
  error_ = 0;
  failed_.store(false);
  aborted_.store(false, std::memory_order_release);
}

void Stream::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  work_ready_.notify_all();
  progress_.notify_all();  // who waits for room would wait for ever
}

bool Stream::closed() {
  std::lock_guard lock(mutex_);
  return closed_;
}

int stream_of(aclrtStream handle, std::shared_ptr<Stream>* stream) {
  if (int code = ready()) return code;
  std::shared_ptr<Context> context;
  if (int code = require_context(&context)) return code;
  if (!handle) {
    *stream = context->default_stream();
    return 0;
  }
  *stream = streams().find(handle);
  if (!*stream)
    return fail(ACL_ERROR_RT_INVALID_HANDLE,
                "the stream handle names no live stream: it was destroyed or never created");
  if ((*stream)->context != context.get())
    return fail(ACL_ERROR_RT_STREAM_CONTEXT,
                "the stream belongs to npu:" + std::to_string((*stream)->device.id) +
                    " and the current context is another one, of npu:" + std::to_string(context->device.id) +
                    ": call aclrtSetDevice or aclrtSetCurrentContext first");
  return 0;
}

int device_of(const Stream& stream) { return stream.device.id; }

int enqueue(Stream& stream, const char* name, Task task, Engine engine) {
  return stream.enqueue(name, std::move(task), engine, nullptr);
}

}  // namespace npu_sim
