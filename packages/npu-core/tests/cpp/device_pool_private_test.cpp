// SPDX-License-Identifier: BSD-3-Clause
#include <thread>

#include "fake_pool_backend.h"

namespace npu::testing {
namespace {

constexpr c10::MempoolId_t kPool{0, 7};

class PrivatePool : public DevicePoolTest {
 protected:
  PrivatePool() { pool.keep_private(kPool); }
  void route(bool capture = false) {
    pool.begin_route(
        kPool, [](c10::StreamId) { return true; }, capture);
  }
  void unroute() {
    pool.end_route(kPool);
    pool.release_private(kPool);
  }
};

TEST_F(PrivatePool, SharesNoMemoryWithTheCommonOne) {
  pool.free(pool.allocate(4 * MiB, 0));
  route();
  Block* b = pool.allocate(4 * MiB, 0);
  unroute();
  EXPECT_EQ(reserved(), int64_t(40 * MiB));
  EXPECT_EQ(pool.snapshot(kPool).size(), 1u);
  pool.free(b);
  Block* c = pool.allocate(4 * MiB, 0);
  EXPECT_NE(c->ptr, b->ptr);
  pool.free(c);
}

TEST_F(PrivatePool, KeepsItsCacheUntilItIsReleased) {
  route();
  pool.free(pool.allocate(4 * MiB, 0));
  unroute();
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 20 * MiB);
  pool.release_private(kPool);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
  EXPECT_EQ(pool.private_uses(kPool), 0);
}

TEST_F(PrivatePool, EmptiesByName) {
  route();
  pool.free(pool.allocate(4 * MiB, 0));
  unroute();
  pool.empty_cache(kPool);
  EXPECT_EQ(backend.used(), 0u);
}

TEST_F(PrivatePool, OfAGraphKeepsItsMemoryAsLongAsTheGraph) {
  route(/*capture=*/true);
  pool.free(pool.allocate(4 * MiB, 0));
  unroute();
  pool.empty_cache(kPool);
  EXPECT_EQ(backend.used(), 20 * MiB);
  pool.release_private(kPool);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
}

TEST_F(PrivatePool, BlocksOutliveItsOwner) {
  route();
  Block* b = pool.allocate(4 * MiB, 0);
  unroute();
  pool.release_private(kPool);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 20 * MiB);
  pool.free(b);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
}

TEST_F(PrivatePool, NothingWaitsForTheDeviceDuringACapture) {
  Block* a = pool.allocate(64 * MiB, 0);
  pool.free(a);
  route(/*capture=*/true);
  EXPECT_THROW(pool.allocate(100 * MiB, 0), c10::OutOfMemoryError);
  EXPECT_EQ(backend.quiesces, 0);
  unroute();
  pool.free(pool.allocate(100 * MiB, 0));
  EXPECT_EQ(backend.quiesces, 1);
}

TEST_F(PrivatePool, FreesDuringACaptureRecordTheirEventsAfterIt) {
  Block* a = pool.allocate(4 * MiB, 0);
  pool.use_on(a, stream(5));
  route(/*capture=*/true);
  pool.free(a);
  EXPECT_EQ(backend.live_events, 0);
  unroute();
  EXPECT_EQ(backend.live_events, 1);
  backend.advance(stream(5));
  Block* b = pool.allocate(4 * MiB, 0);
  EXPECT_EQ(b->ptr, a->ptr);
  pool.free(b);
}

TEST_F(PrivatePool, HelpsOutOnlyIfItMay) {
  route();
  pool.free(pool.allocate(100 * MiB, 0));
  unroute();
  EXPECT_THROW(pool.allocate(50 * MiB, 0), c10::OutOfMemoryError);
  pool.keep_private(kPool, nullptr, /*on_oom=*/true);
  Block* b = pool.allocate(50 * MiB, 0);
  EXPECT_EQ(pool.snapshot(kPool)[0].allocated_size, b->size);
  pool.free(b);
}

TEST_F(PrivatePool, WithoutSplitGivesWholeSegments) {
  pool.keep_private(kPool, nullptr, false, /*no_split=*/true);
  route();
  Block* a = pool.allocate(1 * MiB, 0);
  Block* b = pool.allocate(1 * MiB, 0);
  unroute();
  EXPECT_EQ(a->size, 2 * MiB);
  EXPECT_EQ(reserved(), int64_t(4 * MiB));
  pool.free(a);
  pool.free(b);
}

struct Source final : SegmentSource {
  explicit Source(FakeBackend& b) : backend(b) {}
  void* allocate(size_t nbytes, c10::DeviceIndex, c10::StreamId) override {
    ++live;
    return backend.allocate(nbytes);
  }
  void free(void* ptr, size_t, c10::DeviceIndex, c10::StreamId) noexcept override {
    --live;
    backend.free(ptr);
  }
  FakeBackend& backend;
  int live = 0;
};

TEST_F(PrivatePool, TakesItsSegmentsFromItsSource) {
  auto source = std::make_shared<Source>(backend);
  pool.keep_private(kPool, source);
  route();
  Block* b = pool.allocate(4 * MiB, 0);
  unroute();
  EXPECT_EQ(source->live, 1);
  pool.free(b);
  pool.empty_cache(kPool);
  EXPECT_EQ(source->live, 0);
}

TEST_F(PrivatePool, RoutesOnlyWhatIsWanted) {
  pool.begin_route(
      kPool, [](c10::StreamId s) { return s == 3; }, false);
  Block* a = pool.allocate(4 * MiB, 3);
  Block* b = pool.allocate(4 * MiB, 4);
  unroute();
  auto mine = pool.snapshot(kPool);
  ASSERT_EQ(mine.size(), 1u);
  EXPECT_EQ(mine[0].address, reinterpret_cast<size_t>(a->ptr));
  pool.free(a);
  pool.free(b);
}

TEST_F(DevicePoolTest, AForgottenUseIsNotWaitedFor) {
  Block* a = pool.allocate(4 * MiB, 0);
  pool.use_on(a, stream(5));
  pool.forget_use(a, stream(5));
  pool.free(a);
  EXPECT_EQ(backend.live_events, 0);
}

TEST_F(DevicePoolTest, HistoryKeepsTheLastEntriesInOrder) {
  HistorySettings settings;
  settings.enabled = true;
  settings.max_entries = 4;
  pool.record_history(settings, false);
  for (int i = 1; i <= 3; ++i) pool.free(pool.allocate(i * KiB, 0));
  auto entries = pool.history();
  ASSERT_EQ(entries.size(), 4u);
  using Entry = MemoryHistory::Entry;
  EXPECT_EQ(entries[0].action_, Entry::FREE_COMPLETED);
  EXPECT_EQ(entries[1].action_, Entry::ALLOC);
  EXPECT_EQ(entries[1].size_, 3 * KiB);
  EXPECT_EQ(entries[3].action_, Entry::FREE_COMPLETED);
  pool.record_history({}, false);
  EXPECT_TRUE(pool.history().empty());
}

TEST_F(DevicePoolTest, ObserversHearOfAnErrorBeforeItIsRaised) {
  std::vector<size_t> heard;
  pool.observe_out_of_memory([&](int64_t device, size_t asked, size_t total, size_t free) {
    heard = {size_t(device), asked, total, free};
  });
  EXPECT_THROW(pool.allocate(200 * MiB, 0), c10::OutOfMemoryError);
  EXPECT_EQ(heard, (std::vector<size_t>{0, 200 * MiB, 128 * MiB, 128 * MiB}));
}

TEST_F(DevicePoolTest, TheErrorSaysWhereTheMemoryIs) {
  Block* a = pool.allocate(60 * MiB, 1);
  Block* b = pool.allocate(30 * MiB, 1);
  try {
    pool.allocate(100 * MiB, 2);
    FAIL();
  } catch (const c10::OutOfMemoryError& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("tensors:       90.00 MiB"), std::string::npos) << text;
    EXPECT_NE(text.find("largest blocks:\n    60.00 MiB"), std::string::npos) << text;
    EXPECT_NE(text.find("Use smaller batches"), std::string::npos) << text;
  }
  pool.free(a);
  pool.free(b);
}

// For the thread sanitizer, and for the books at the end.
TEST_F(PrivatePool, ThreadsAllocateFreeRouteAndRecordHistories) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 200; ++i) {
        if (t == 0 && i % 20 == 0) {
          HistorySettings settings;
          settings.enabled = i % 40 == 0;
          settings.max_entries = 50;
          pool.record_history(settings, false);
        }
        const bool routed = t == 1 && i % 3 == 0;
        const auto self = std::this_thread::get_id();
        if (routed)
          pool.begin_route(
              kPool, [self](c10::StreamId) { return std::this_thread::get_id() == self; }, i % 2);
        try {
          Block* block = pool.allocate(1 + size_t(t * 7919 + i * 104729) % (3 * MiB), t % 3);
          if (i % 4 == 0) pool.use_on(block, stream(90 + t));
          if (i % 8 == 0) pool.forget_use(block, stream(90 + t));
          pool.free(block);
        } catch (const c10::OutOfMemoryError&) {
          // Another thread's capture keeps what waits for events.
        }
        if (routed) {
          pool.end_route(kPool);
          pool.release_private(kPool);
        }
        if (t == 2 && i % 25 == 0) pool.empty_cache();
        if (t == 3 && i % 10 == 0) pool.snapshot();
        if (t == 4 && i % 10 == 0) pool.history();
      }
    });
  }
  for (auto& t : threads) t.join();
  pool.release_private(kPool);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
  EXPECT_EQ(backend.live_events, 0);
  EXPECT_EQ(all(pool.stats().allocated_bytes).current, 0);
}

}  // namespace
}  // namespace npu::testing
