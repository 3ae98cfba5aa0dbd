// SPDX-License-Identifier: BSD-3-Clause
// Random histories against a model: whatever the order of calls, the promises of device_pool.h hold after
// each step.
#include <optional>
#include <random>

#include "fake_pool_backend.h"

namespace npu::testing {
namespace {

struct Live {
  Block* block;
  char* begin;
  char* end;
  size_t asked;
};

class History : public DevicePoolTest, public ::testing::WithParamInterface<int> {
 protected:
  void check(const std::vector<Live>& live, const std::vector<Live>& waiting) {
    auto stats = pool.stats();
    size_t allocated = 0, asked = 0, active = 0, reserved = 0, idle_split = 0, idle_split_count = 0;
    for (const auto& s : pool.snapshot()) {
      size_t at = 0;
      bool idle_before = false;
      for (const auto& b : s.blocks) {
        at += b.size;
        if (b.allocated) allocated += b.size;
        if (b.active) active += b.size;
        if (b.active) asked += b.requested_size;
        if (!b.active) {
          EXPECT_FALSE(idle_before) << "two idle neighbours were not merged";
          if (s.blocks.size() > 1) idle_split += b.size, ++idle_split_count;
        }
        idle_before = !b.active;
      }
      EXPECT_EQ(at, s.total_size) << "blocks do not tile their segment";
      reserved += s.total_size;
    }
    EXPECT_EQ(all(stats.allocated_bytes).current, int64_t(allocated));
    EXPECT_EQ(all(stats.requested_bytes).current, int64_t(asked));
    EXPECT_EQ(all(stats.active_bytes).current, int64_t(active));
    EXPECT_EQ(all(stats.reserved_bytes).current, int64_t(reserved));
    EXPECT_EQ(all(stats.inactive_split_bytes).current, int64_t(idle_split));
    EXPECT_EQ(all(stats.inactive_split).current, int64_t(idle_split_count));
    EXPECT_EQ(backend.used(), reserved);
    EXPECT_EQ(all(stats.allocation).current, int64_t(live.size()));
    for (const auto* stat : {&stats.allocated_bytes, &stats.active_bytes, &stats.reserved_bytes}) {
      EXPECT_EQ((*stat)[0].current, (*stat)[1].current + (*stat)[2].current);
      EXPECT_GE((*stat)[0].peak, (*stat)[0].current);
      EXPECT_EQ((*stat)[0].allocated - (*stat)[0].freed, (*stat)[0].current);
    }
    std::map<char*, char*> ranges;
    for (const auto* group : {&live, &waiting}) {
      for (const Live& l : *group) {
        auto [it, fresh] = ranges.emplace(l.begin, l.end);
        EXPECT_TRUE(fresh) << "one address handed out twice";
        EXPECT_TRUE(it == ranges.begin() || std::prev(it)->second <= l.begin) << "blocks overlap";
        EXPECT_TRUE(std::next(it) == ranges.end() || l.end <= std::next(it)->first) << "blocks overlap";
      }
    }
  }
};

TEST_P(History, KeepsEveryPromise) {
  std::mt19937 random(GetParam());
  // Every third history in expandable segments, half of them with requests sent to private pools.
  std::optional<Expandable> expandable;
  if (GetParam() % 3 == 0) expandable.emplace();
  backend.can_map = expandable.has_value();
  const c10::MempoolId_t id{0, 1};
  if (GetParam() % 2 == 0) {
    pool.keep_private(id);
    pool.begin_route(
        id, [](c10::StreamId s) { return s == 1; }, false);
  }
  auto pick = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  std::vector<Live> live, waiting;  // waiting: freed, but work on `foreign` may still use it
  const c10::Stream foreign = stream(99);
  std::vector<bool> used;  // parallel to live: used on `foreign`
  for (int step = 0; step < 400; ++step) {
    switch (pick(10)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        size_t scale = std::array<size_t, 4>{4 * KiB, 1 * MiB, 8 * MiB, 24 * MiB}[pick(4)];
        size_t asked = 1 + pick(scale);
        try {
          Block* b = pool.allocate(asked, static_cast<c10::StreamId>(pick(3)));
          EXPECT_GE(b->size, asked);
          EXPECT_EQ(reinterpret_cast<uintptr_t>(b->ptr) % 512, 0u);
          live.push_back({b, b->ptr, b->ptr + b->size, asked});
          used.push_back(false);
        } catch (const c10::OutOfMemoryError&) {
          // Only when what is live, and the cache of the private pool, leave no room for another segment.
          EXPECT_GT(backend.used() + asked + 20 * MiB, 128 * MiB);
        }
        // A wait for the device inside lets the waiting blocks go.
        if (backend.live_events == 0) waiting.clear();
        break;
      }
      case 4:
      case 5:
      case 6:
        if (!live.empty()) {
          size_t i = pick(live.size());
          pool.free(live[i].block);
          if (used[i]) waiting.push_back(live[i]);
          live.erase(live.begin() + ptrdiff_t(i));
          used.erase(used.begin() + ptrdiff_t(i));
        }
        break;
      case 7:
        if (!live.empty()) {
          size_t i = pick(live.size());
          pool.use_on(live[i].block, foreign);
          used[i] = true;
        }
        break;
      case 8:
        backend.advance(foreign);
        waiting.clear();
        break;
      case 9:
        if (pick(10) == 0) {
          pool.empty_cache();
          waiting.clear();
        }
        break;
    }
    check(live, waiting);
    if (HasFailure()) FAIL() << "seed " << GetParam() << ", step " << step;
  }
  for (const Live& l : live) pool.free(l.block);
  if (GetParam() % 2 == 0) {
    pool.end_route(id);
    pool.release_private(id);
    pool.release_private(id);
  }
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
  EXPECT_EQ(backend.live_events, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, History, ::testing::Range(0, 60));

}  // namespace
}  // namespace npu::testing
