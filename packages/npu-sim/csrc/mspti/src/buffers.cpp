#include "buffers.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <cstring>
#include <utility>

namespace npu_sim::mspti {

Buffers& Buffers::instance() {
  static auto* buffers = new Buffers;  // streams' workers may still append while the process ends
  return *buffers;
}

void Buffers::open(msptiBuffersCallbackRequestFunc request, msptiBuffersCallbackCompleteFunc complete) {
  std::lock_guard lock(mutex_);
  request_ = request;
  complete_ = complete;
  if (std::exchange(running_, true)) return;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { loop(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Buffers::close() {
  std::thread ended;
  {
    std::lock_guard lock(mutex_);
    running_ = false;
    ended = std::move(thread_);
    changed_.notify_all();
  }
  if (ended.joinable()) ended.join();
  flush();
  std::lock_guard lock(mutex_);
  request_ = nullptr;
  complete_ = nullptr;
  period_ms_ = 0;
}

void Buffers::append(const void* record, size_t size) {
  std::lock_guard lock(mutex_);
  if (!request_) return;
  const bool no_room = current_.size - current_.used < size ||
                       (current_.most_records && current_.records >= current_.most_records);
  if (current_.data && no_room) {
    full_.push_back(std::exchange(current_, {}));
    changed_.notify_all();
  }
  if (!current_.data) {
    // Under the lock: two records that find no room must not ask for a buffer each.
    request_(&current_.data, &current_.size, &current_.most_records);
    if (!current_.data || current_.size < size) return;
  }
  std::memcpy(current_.data + current_.used, record, size);
  current_.used += size;
  ++current_.records;
}

bool Buffers::take(bool current, Buffer* out) {
  std::lock_guard lock(mutex_);
  if (!full_.empty()) {
    *out = full_.front();
    full_.pop_front();
    return true;
  }
  if (!current || !current_.data) return false;
  *out = std::exchange(current_, {});
  return true;
}

void Buffers::flush() {
  Buffer b;
  while (take(true, &b))
    if (complete_) complete_(b.data, b.size, b.used);
}

void Buffers::flush_every(uint32_t milliseconds) {
  std::lock_guard lock(mutex_);
  period_ms_ = milliseconds;
  changed_.notify_all();
}

void Buffers::loop() {
  pthread_setname_np(pthread_self(), "mspti-buffers");
  std::unique_lock lock(mutex_);
  while (running_) {
    bool due = false;
    if (period_ms_)
      due = changed_.wait_for(lock, std::chrono::milliseconds(period_ms_)) == std::cv_status::timeout;
    else
      changed_.wait(lock, [this] { return !full_.empty() || !running_ || period_ms_; });
    lock.unlock();
    Buffer b;
    while (take(due, &b)) complete_(b.data, b.size, b.used);
    lock.lock();
  }
}

}  // namespace npu_sim::mspti
