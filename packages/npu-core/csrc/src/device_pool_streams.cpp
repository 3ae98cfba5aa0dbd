// SPDX-License-Identifier: BSD-3-Clause
// Blocks of a DevicePool that several streams use: they wait for an event on each of them.
#include <algorithm>

#include "device_pool.h"

namespace npu {

// Records an event on each of the streams that `block` was used on. Without the lock.
void DevicePool::await(Block* block, const c10::SmallVector<c10::Stream, 2>& streams, uint64_t epoch) {
  for (const c10::Stream& stream : streams) {
    void* event = nullptr;
    try {
      event = backend_.record(stream);
    } catch (...) {
      // Its device or stream is broken; only a wait for the device can tell when the block is free.
    }
    Lock lock(mutex_);
    if (event)
      awaited(stream).push_back({event, block, epoch});
    else
      unrecorded_.emplace_back(block, epoch);
  }
}

std::deque<DevicePool::Awaited>& DevicePool::awaited(const c10::Stream& stream) {
  auto it = std::find_if(awaited_.begin(), awaited_.end(),
                         [&](const auto& entry) { return entry.first == stream; });
  return it == awaited_.end() ? awaited_.emplace_back(stream, std::deque<Awaited>{}).second : it->second;
}

void DevicePool::use_on(Block* block, const c10::Stream& stream) {
  if (stream.id() == block->stream && stream.device_index() == device_) return;
  Lock lock(mutex_);
  auto& streams = block->used_on;
  if (std::find(streams.begin(), streams.end(), stream) == streams.end()) streams.push_back(stream);
}

void DevicePool::forget_use(Block* block, const c10::Stream& stream) {
  Lock lock(mutex_);
  auto& streams = block->used_on;
  if (auto it = std::find(streams.begin(), streams.end(), stream); it != streams.end()) streams.erase(it);
}

// Takes back the blocks whose events have passed.
void DevicePool::reclaim() {
  if (captures_ > 0) return;
  for (size_t i = 0; i < awaited_.size();) {
    auto& queue = awaited_[i].second;
    while (!queue.empty()) {
      const auto progress = backend_.progress(queue.front().event);
      if (progress == PoolBackend::Progress::kAhead) break;
      auto [event, block, epoch] = queue.front();
      queue.pop_front();
      backend_.release(event);
      if (progress == PoolBackend::Progress::kUnknown)
        unrecorded_.emplace_back(block, epoch);
      else if (--block->pending == 0)
        make_idle(block);
    }
    if (queue.empty())
      awaited_.erase(awaited_.begin() + static_cast<ptrdiff_t>(i));
    else
      ++i;
  }
}

}  // namespace npu
