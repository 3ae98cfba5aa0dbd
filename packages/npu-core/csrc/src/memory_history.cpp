// SPDX-License-Identifier: BSD-3-Clause
#include "memory_history.h"

#include <chrono>

namespace npu {

namespace {

thread_local std::string t_metadata;

time_t microseconds() {
  using namespace std::chrono;
  return duration_cast<std::chrono::microseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

void set_memory_metadata(std::string text) { t_metadata = std::move(text); }
const std::string& memory_metadata() { return t_metadata; }

MemoryHistory::Context MemoryHistory::gather(RecordContext level) const {
  if (level_.load(std::memory_order_relaxed) < static_cast<int>(level)) return nullptr;
  auto create = create_.load(std::memory_order_relaxed);
  return create ? create() : nullptr;
}

void MemoryHistory::configure(const HistorySettings& settings, bool clear) {
  settings_ = settings;
  create_.store(settings.create, std::memory_order_relaxed);
  level_.store(settings.enabled ? static_cast<int>(settings.when) : -1, std::memory_order_relaxed);
  if (clear || !settings.enabled || ring_.size() > settings.max_entries) {
    ring_.clear();
    next_ = 0;
  }
}

void MemoryHistory::add(Entry::Action action, c10::DeviceIndex device, const void* ptr, size_t size,
                        c10::StreamId stream, c10::MempoolId_t pool, Context context) {
  if (!on() || settings_.max_entries == 0 || (settings_.skipped >> action & 1)) return;
  if (settings_.when < RecordContext::ALLOC) context = nullptr;
  Entry entry(action, device, reinterpret_cast<size_t>(ptr), size, reinterpret_cast<void*>(stream), pool, 0,
              std::move(context), "", t_metadata);
  entry.time_.t_ = microseconds();
  if (ring_.size() < settings_.max_entries) {
    ring_.push_back(std::move(entry));
    return;
  }
  ring_[next_] = std::move(entry);
  next_ = (next_ + 1) % ring_.size();
}

std::vector<MemoryHistory::Entry> MemoryHistory::entries() const {
  std::vector<Entry> ordered(ring_.begin() + static_cast<ptrdiff_t>(next_), ring_.end());
  ordered.insert(ordered.end(), ring_.begin(), ring_.begin() + static_cast<ptrdiff_t>(next_));
  return ordered;
}

}  // namespace npu
