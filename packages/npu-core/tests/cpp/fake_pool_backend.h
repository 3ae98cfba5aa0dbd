// SPDX-License-Identifier: BSD-3-Clause
// A device of a given capacity for tests of DevicePool: streams advance only when told to.
#pragma once

#include <c10/core/AllocatorConfig.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <vector>

#include "device_pool.h"

namespace npu::testing {

inline constexpr size_t KiB = 1024;
inline constexpr size_t MiB = 1024 * KiB;

inline c10::Stream stream(c10::StreamId id, c10::DeviceIndex device = 0) {
  return c10::Stream(c10::Stream::UNSAFE, c10::Device(c10::DeviceType::PrivateUse1, device), id);
}

class FakeBackend final : public PoolBackend {
 public:
  explicit FakeBackend(size_t capacity) : capacity_(capacity) {}

  void* allocate(size_t nbytes) override {
    ++allocations;
    if (used_ + nbytes > capacity_) return nullptr;
    used_ += nbytes;
    char* ptr = next_;
    next_ += nbytes + 4096;
    live_[ptr] = nbytes;
    return ptr;
  }
  void free(void* ptr) noexcept override {
    auto it = live_.find(static_cast<char*>(ptr));
    EXPECT_NE(it, live_.end()) << "freed what was not allocated";
    used_ -= it->second;
    live_.erase(it);
  }

  size_t address_range(size_t granule) override {
    return can_map ? (capacity_ + capacity_ / 8) / granule * granule : 0;
  }
  void* reserve(size_t nbytes) override {
    char* ptr = next_;
    next_ += nbytes + 4096;
    reserved_[ptr] = nbytes;
    return ptr;
  }
  void unreserve(void* ptr) noexcept override {
    auto* const begin = static_cast<char*>(ptr);
    auto next = mapped_.lower_bound(begin);
    EXPECT_TRUE(next == mapped_.end() || *next >= begin + reserved_[begin]) << "memory is still mapped there";
    EXPECT_EQ(reserved_.erase(begin), 1u);
  }
  bool map(void* ptr, size_t nbytes, size_t granule) override {
    EXPECT_EQ(nbytes % granule, 0u);
    if (used_ + nbytes > capacity_) return false;
    used_ += nbytes;
    for (size_t done = 0; done < nbytes; done += granule)
      EXPECT_TRUE(mapped_.insert(static_cast<char*>(ptr) + done).second) << "mapped twice";
    return true;
  }
  void unmap(void* ptr, size_t nbytes, size_t granule) noexcept override {
    used_ -= nbytes;
    for (size_t done = 0; done < nbytes; done += granule)
      EXPECT_EQ(mapped_.erase(static_cast<char*>(ptr) + done), 1u) << "unmapped what was not mapped";
  }
  bool is_mapped(const char* ptr, size_t granule) const {
    auto it = mapped_.upper_bound(const_cast<char*>(ptr));
    return it != mapped_.begin() && ptr < *std::prev(it) + granule;
  }
  size_t ranges() const { return reserved_.size(); }

  void quiesce() override {
    ++quiesces;
    if (during_quiesce) during_quiesce();
    if (fail_quiesce) throw std::runtime_error("the device failed");
    std::lock_guard lock(mutex_);
    for (auto& [s, position] : issued_) passed_[s] = position;
  }
  void* record(const c10::Stream& s) override {
    if (fail_record) throw std::runtime_error("cannot record");
    std::lock_guard lock(mutex_);
    ++live_events;
    return new Event{s, ++issued_[s]};
  }
  Progress progress(void* event) override {
    std::lock_guard lock(mutex_);
    if (lose_events) return Progress::kUnknown;
    auto* e = static_cast<Event*>(event);
    return passed_[e->stream] >= e->position ? Progress::kPassed : Progress::kAhead;
  }
  void release(void* event) noexcept override {
    std::lock_guard lock(mutex_);
    --live_events;
    delete static_cast<Event*>(event);
  }
  std::pair<size_t, size_t> memory_info() override { return {capacity_ - used_, capacity_}; }

  // Everything recorded on `s` so far has happened.
  void advance(const c10::Stream& s) { passed_[s] = issued_[s]; }
  size_t used() const { return used_; }

  int allocations = 0;
  int quiesces = 0;
  int live_events = 0;
  bool can_map = false;
  bool fail_record = false;
  bool lose_events = false;  // their records turn out to have failed
  bool fail_quiesce = false;
  std::function<void()> during_quiesce;

 private:
  struct Event {
    c10::Stream stream;
    uint64_t position;
  };
  struct ById {
    bool operator()(const c10::Stream& a, const c10::Stream& b) const {
      return std::pair(a.device_index(), a.id()) < std::pair(b.device_index(), b.id());
    }
  };
  std::mutex mutex_;  // record and quiesce come without the pool's lock
  size_t capacity_;
  size_t used_ = 0;
  char* next_ = reinterpret_cast<char*>(uintptr_t{1} << 40);
  std::map<char*, size_t> live_;
  std::map<char*, size_t> reserved_;
  std::set<char*> mapped_;
  std::map<c10::Stream, uint64_t, ById> issued_;
  std::map<c10::Stream, uint64_t, ById> passed_;
};

// Expandable segments for as long as it lives.
struct Expandable {
  Expandable() { set("expandable_segments:True"); }
  ~Expandable() { set("expandable_segments:False"); }
  static void set(const char* text) {
    c10::CachingAllocator::AcceleratorAllocatorConfig::instance().parseArgs(text);
  }
};

class DevicePoolTest : public ::testing::Test {
 protected:
  // Pools live as long as the process, by contract; a leak checker finds them here.
  static DevicePool& keep(DevicePool* pool) {
    static auto* pools = new std::vector<DevicePool*>;
    return *pools->emplace_back(pool);
  }

  FakeBackend& backend = *new FakeBackend(128 * MiB);
  DevicePool& pool = keep(new DevicePool(0, backend));

  static const c10::CachingAllocator::Stat& all(const c10::CachingAllocator::StatArray& stat) {
    return stat[0];
  }
  int64_t reserved() { return all(pool.stats().reserved_bytes).current; }
};

}  // namespace npu::testing
