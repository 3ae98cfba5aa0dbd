// SPDX-License-Identifier: BSD-3-Clause
// Private pools of a DevicePool, and which requests are sent to them.
#include "device_pool.h"

namespace npu {

Arena* DevicePool::routed(c10::StreamId stream) {
  for (auto route = routes_.rbegin(); route != routes_.rend(); ++route) {
    if (route->wants(stream)) return route->arena;
  }
  return &common_;
}

Arena& DevicePool::private_arena(c10::MempoolId_t id) {
  auto& arena = private_[id];
  if (!arena) {
    arena = std::make_unique<Arena>();
    arena->id = id;
  }
  return *arena;
}

void DevicePool::keep_private(c10::MempoolId_t id, std::shared_ptr<SegmentSource> source, bool on_oom,
                              bool no_split) {
  Lock lock(mutex_);
  Arena& arena = private_arena(id);
  ++arena.uses;
  if (source) arena.source = std::move(source);
  arena.on_oom |= on_oom;
  arena.no_split |= no_split;
}

void DevicePool::release_private(c10::MempoolId_t id) {
  Lock lock(mutex_);
  auto it = private_.find(id);
  if (it == private_.end()) return;
  Arena& arena = *it->second;
  if (arena.uses > 0) --arena.uses;
  drop_if_unused(arena);
}

// Forgets a private pool that nobody owns and that holds no memory. Blocks that are still in use keep it.
void DevicePool::drop_if_unused(Arena& arena) {
  if (arena.uses == 0 && arena.reserved == 0 && &arena != &common_) private_.erase(arena.id);
}

int DevicePool::private_uses(c10::MempoolId_t id) {
  Lock lock(mutex_);
  auto it = private_.find(id);
  return it == private_.end() ? 0 : it->second->uses;
}

void DevicePool::begin_route(c10::MempoolId_t id, std::function<bool(c10::StreamId)> wants, bool capture) {
  Lock lock(mutex_);
  Arena& arena = private_arena(id);
  ++arena.uses;
  arena.captured |= capture;
  captures_ += capture;
  routes_.push_back({&arena, std::move(wants), capture});
}

void DevicePool::end_route(c10::MempoolId_t id) {
  Lock lock(mutex_);
  for (auto route = routes_.rbegin(); route != routes_.rend(); ++route) {
    if (route->arena->id != id) continue;
    captures_ -= route->capture;
    routes_.erase(std::next(route).base());
    break;
  }
  if (captures_ > 0) return;
  auto freed = std::exchange(deferred_, {});
  lock.unlock();
  for (auto& [block, streams, epoch] : freed) await(block, streams, epoch);
}

// A block of a private pool that helps out when everything else is used up, or null.
Block* DevicePool::borrow(const Request& r) {
  for (auto& [id, arena] : private_) {
    if (!arena->on_oom || arena.get() == r.arena) continue;
    if (Block* block = find(r, *arena)) return block;
  }
  return nullptr;
}

}  // namespace npu
