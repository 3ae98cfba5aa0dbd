// SPDX-License-Identifier: BSD-3-Clause
#include "device_pool.h"

#include <c10/core/AllocatorConfig.h>

#include <thread>

#include "fake_pool_backend.h"
#include "npu/core/location.h"

namespace npu::testing {
namespace {

TEST_F(DevicePoolTest, RoundsRequestsTo512Bytes) {
  Block* one = pool.allocate(1, 0);
  Block* next = pool.allocate(513, 0);
  EXPECT_EQ(one->size, 512u);
  EXPECT_EQ(next->size, 1024u);
  EXPECT_EQ(all(pool.stats().requested_bytes).current, 514);
  EXPECT_EQ(all(pool.stats().allocated_bytes).current, 1536);
}

TEST_F(DevicePoolTest, CutsSmallRequestsFromOneSegmentOfTwoMiB) {
  Block* a = pool.allocate(1 * MiB, 0);
  Block* b = pool.allocate(1 * MiB, 0);
  EXPECT_EQ(b->ptr, a->ptr + 1 * MiB);
  EXPECT_EQ(backend.allocations, 1);
  EXPECT_EQ(reserved(), int64_t(2 * MiB));
}

TEST_F(DevicePoolTest, CutsMediumRequestsFromSegmentsOfTwentyMiB) {
  pool.allocate(1 * MiB + 1, 0);
  EXPECT_EQ(reserved(), int64_t(20 * MiB));
  pool.allocate(9 * MiB, 0);
  EXPECT_EQ(reserved(), int64_t(20 * MiB));
}

TEST_F(DevicePoolTest, GivesLargeRequestsASegmentRoundedToTwoMiB) {
  pool.allocate(11 * MiB, 0);
  EXPECT_EQ(reserved(), int64_t(12 * MiB));
}

TEST_F(DevicePoolTest, ReusesAFreedBlockOnItsOwnStreamAtOnce) {
  Block* a = pool.allocate(3 * MiB, 7);
  char* ptr = a->ptr;
  pool.free(a);
  EXPECT_EQ(pool.allocate(3 * MiB, 7)->ptr, ptr);
  EXPECT_EQ(backend.allocations, 1);
}

TEST_F(DevicePoolTest, NeverGivesABlockToAnotherStream) {
  Block* a = pool.allocate(4 * KiB, 1);
  char* ptr = a->ptr;
  pool.free(a);
  EXPECT_NE(pool.allocate(4 * KiB, 2)->ptr, ptr);
  EXPECT_EQ(backend.allocations, 2);
}

TEST_F(DevicePoolTest, TakesTheSmallestBlockThatFits) {
  Block* big = pool.allocate(40 * KiB, 0);
  Block* fence1 = pool.allocate(512, 0);
  Block* small = pool.allocate(8 * KiB, 0);
  Block* fence2 = pool.allocate(512, 0);
  char* expected = small->ptr;
  pool.free(big);
  pool.free(small);
  EXPECT_EQ(pool.allocate(6 * KiB, 0)->ptr, expected);
  (void)fence1, (void)fence2;
}

TEST_F(DevicePoolTest, MergesFreedNeighboursInWhateverOrder) {
  for (auto order : {std::array{0, 1, 2}, std::array{2, 1, 0}, std::array{0, 2, 1}, std::array{1, 0, 2}}) {
    Block* blocks[] = {pool.allocate(512 * KiB, 0), pool.allocate(512 * KiB, 0), pool.allocate(1 * MiB, 0)};
    for (int i : order) pool.free(blocks[i]);
    auto segments = pool.snapshot();
    ASSERT_EQ(segments.size(), 1u);
    EXPECT_EQ(segments[0].blocks.size(), 1u);
    EXPECT_EQ(all(pool.stats().inactive_split).current, 0);
  }
}

TEST_F(DevicePoolTest, KeepsABlockUsedOnAnotherStreamUntilThatStreamHasPassed) {
  Block* a = pool.allocate(2 * MiB, 0);
  char* ptr = a->ptr;
  pool.use_on(a, stream(5));
  pool.free(a);
  EXPECT_EQ(all(pool.stats().allocated_bytes).current, 0);
  EXPECT_EQ(all(pool.stats().active_bytes).current, int64_t(2 * MiB));
  Block* other = pool.allocate(2 * MiB, 0);
  EXPECT_NE(other->ptr, ptr);
  backend.advance(stream(5));
  EXPECT_EQ(pool.allocate(2 * MiB, 0)->ptr, ptr);
  EXPECT_EQ(backend.live_events, 0);
}

TEST_F(DevicePoolTest, WaitsForEveryStreamThatUsedTheBlock) {
  Block* a = pool.allocate(2 * MiB, 0);
  char* ptr = a->ptr;
  for (auto s : {stream(5), stream(6), stream(0, 1)}) pool.use_on(a, s);
  pool.free(a);
  backend.advance(stream(5));
  backend.advance(stream(6));
  EXPECT_NE(pool.allocate(2 * MiB, 0)->ptr, ptr);
  backend.advance(stream(0, 1));
  EXPECT_EQ(pool.allocate(2 * MiB, 0)->ptr, ptr);
}

TEST_F(DevicePoolTest, ABlockWhoseEventWasLostWaitsForTheDevice) {
  Block* a = pool.allocate(2 * MiB, 0);
  char* ptr = a->ptr;
  pool.use_on(a, stream(5));
  pool.free(a);
  backend.lose_events = true;
  EXPECT_NE(pool.allocate(2 * MiB, 0)->ptr, ptr);
  EXPECT_EQ(backend.live_events, 0);
  pool.empty_cache();
  EXPECT_EQ(pool.allocate(2 * MiB, 0)->ptr, ptr);
}

TEST_F(DevicePoolTest, UseOnItsOwnStreamNeedsNoEvent) {
  Block* a = pool.allocate(2 * MiB, 3);
  pool.use_on(a, stream(3));
  pool.free(a);
  EXPECT_EQ(backend.live_events, 0);
  EXPECT_EQ(all(pool.stats().active_bytes).current, 0);
}

TEST_F(DevicePoolTest, ABlockWhoseEventCannotBeRecordedWaitsForTheDevice) {
  Block* a = pool.allocate(2 * MiB, 0);
  char* ptr = a->ptr;
  pool.use_on(a, stream(5));
  backend.fail_record = true;
  pool.free(a);
  backend.fail_record = false;
  EXPECT_NE(pool.allocate(2 * MiB, 0)->ptr, ptr);
  pool.empty_cache();
  EXPECT_EQ(pool.allocate(2 * MiB, 0)->ptr, ptr);
}

TEST_F(DevicePoolTest, EmptyCacheReturnsIdleSegmentsAndKeepsUsedOnes) {
  Block* used = pool.allocate(512, 0);
  Block* idle = pool.allocate(50 * MiB, 0);
  pool.free(idle);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 2 * MiB);
  pool.free(used);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
  EXPECT_EQ(reserved(), 0);
  EXPECT_EQ(all(pool.stats().segment).current, 0);
}

TEST_F(DevicePoolTest, EmptyCacheOfAnUntouchedPoolDoesNotWaitForTheDevice) {
  pool.empty_cache();
  EXPECT_EQ(backend.quiesces, 0);
}

TEST_F(DevicePoolTest, ReturnsTheCacheToTheDeviceBeforeItFails) {
  pool.free(pool.allocate(100 * MiB, 1));
  Block* block = pool.allocate(100 * MiB, 2);
  EXPECT_TRUE(block->allocated);
  EXPECT_EQ(backend.used(), 100 * MiB);
  EXPECT_EQ(pool.stats().num_alloc_retries, 1);
  EXPECT_EQ(pool.stats().num_ooms, 0);
}

TEST_F(DevicePoolTest, OutOfMemoryWaitsForBlocksThatAwaitOtherStreams) {
  Block* a = pool.allocate(100 * MiB, 0);
  pool.use_on(a, stream(9));
  pool.free(a);
  EXPECT_NO_THROW(pool.allocate(100 * MiB, 0));
}

TEST_F(DevicePoolTest, OutOfMemorySaysWhatIsWantedAndWhatIsThere) {
  pool.allocate(64 * MiB, 0);
  try {
    pool.allocate(96 * MiB, 0);
    FAIL() << "expected OutOfMemoryError";
  } catch (const c10::OutOfMemoryError& e) {
    std::string text = e.what_without_backtrace();
    for (const char* part : {"96.00 MiB", "npu:0", "128.00 MiB in total", "64.00 MiB free",
                             "tensors:       64.00 MiB", "Use smaller batches"}) {
      EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
    }
  }
  EXPECT_EQ(pool.stats().num_ooms, 1);
  EXPECT_NO_THROW(pool.allocate(32 * MiB, 0));
}

TEST_F(DevicePoolTest, OutOfMemoryNamesTheLineThatAsked) {
  set_location_hook({[]() noexcept {
                       return Location{"train.py", 12};
                     },
                     [](const Location& l) {
                       return std::string(static_cast<const char*>(l.code)) + ":" + std::to_string(l.offset);
                     }});
  try {
    pool.allocate(1000 * MiB, 0);
    FAIL() << "expected OutOfMemoryError";
  } catch (const c10::OutOfMemoryError& e) {
    EXPECT_NE(std::string(e.what()).find("asked for at: train.py:12"), std::string::npos) << e.what();
  }
  set_location_hook({});
}

TEST_F(DevicePoolTest, ARequestBeyondAllAddressSpaceIsOutOfMemory) {
  EXPECT_THROW(pool.allocate(SIZE_MAX, 0), c10::OutOfMemoryError);
}

TEST_F(DevicePoolTest, ALimitCapsWhatIsTakenFromTheDevice) {
  pool.set_limit(30 * MiB);
  Block* a = pool.allocate(20 * MiB, 0);
  EXPECT_THROW(pool.allocate(20 * MiB, 0), c10::OutOfMemoryError);
  pool.free(a);
  EXPECT_NO_THROW(pool.allocate(24 * MiB, 0));
  pool.set_limit(0);
  EXPECT_NO_THROW(pool.allocate(64 * MiB, 0));
}

TEST_F(DevicePoolTest, ASegmentFreedIntoDuringTheWaitIsNotReturned) {
  // Its last user may have been enqueued after the wait began: returning it would take memory from running
  // work.
  Block* late = pool.allocate(50 * MiB, 0);
  Block* early = pool.allocate(20 * MiB, 0);
  pool.free(early);
  backend.during_quiesce = [&] { pool.free(late); };
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 50 * MiB);
  backend.during_quiesce = nullptr;
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
}

TEST_F(DevicePoolTest, RetriesOnceMoreWhenMemoryWasFreedDuringTheWait) {
  Block* late = pool.allocate(100 * MiB, 1);
  backend.during_quiesce = [&] {
    if (late) pool.free(std::exchange(late, nullptr));
  };
  EXPECT_NO_THROW(pool.allocate(100 * MiB, 2));
}

TEST_F(DevicePoolTest, ADeviceFailureIsRaisedAndLeavesThePoolUsable) {
  Block* a = pool.allocate(100 * MiB, 0);
  backend.fail_quiesce = true;
  EXPECT_THROW(pool.allocate(100 * MiB, 0), std::runtime_error);
  EXPECT_THROW(pool.empty_cache(), std::runtime_error);
  backend.fail_quiesce = false;
  pool.free(a);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
}

TEST_F(DevicePoolTest, WithoutAWaitOnlySegmentsIdleSinceTheLastOneAreReturned) {
  pool.free(pool.allocate(20 * MiB, 1));
  EXPECT_EQ(pool.release_settled(), 0u) << "nothing was waited for yet";
  Block* shared = pool.allocate(100 * MiB, 0);
  pool.use_on(shared, stream(9));
  pool.free(shared);
  Block* again = pool.allocate(100 * MiB, 0);  // waits for stream 9 and needs no segment of the cache
  pool.free(again);
  EXPECT_EQ(pool.release_settled(), 20 * MiB) << "the other segment was used after the wait";
  EXPECT_EQ(backend.used(), 100 * MiB);
}

TEST_F(DevicePoolTest, AWaitThatFailedSettlesNothing) {
  pool.free(pool.allocate(20 * MiB, 1));
  backend.fail_quiesce = true;
  EXPECT_THROW(pool.empty_cache(), std::runtime_error);
  EXPECT_EQ(pool.release_settled(), 0u);
}

// torch's allocator settings are the process's.
struct Settings {
  explicit Settings(const char* text) {
    c10::CachingAllocator::AcceleratorAllocatorConfig::instance().parseArgs(text);
  }
  ~Settings() { c10::CachingAllocator::AcceleratorAllocatorConfig::instance().parseArgs(""); }
};

TEST_F(DevicePoolTest, ABlockOfMaxSplitSizeIsNeitherCutNorGivenToASmallerRequest) {
  Settings settings("max_split_size_mb:32");
  pool.free(pool.allocate(40 * MiB, 0));
  Block* small = pool.allocate(12 * MiB, 0);
  EXPECT_EQ(backend.allocations, 2);
  Block* large = pool.allocate(36 * MiB, 0);
  EXPECT_EQ(large->size, 40 * MiB);
  EXPECT_EQ(backend.allocations, 2);
  EXPECT_EQ(pool.stats().oversize_allocations.current, 1);
  (void)small;
}

TEST_F(DevicePoolTest, AnOversizeRequestReturnsOversizeBlocksBeforeAllOthers) {
  Settings settings("max_split_size_mb:32");
  pool.free(pool.allocate(40 * MiB, 0));
  pool.free(pool.allocate(20 * MiB, 0));
  pool.allocate(90 * MiB, 0);
  EXPECT_EQ(backend.used(), 110 * MiB) << "the block of 20 MiB may stay";
}

TEST_F(DevicePoolTest, GarbageCollectionReturnsWhatWasIdleLongest) {
  Settings settings("garbage_collection_threshold:0.5");
  pool.set_limit(100 * MiB);
  Block* older = pool.allocate(20 * MiB, 1);
  Block* newer = pool.allocate(20 * MiB, 2);
  pool.free(older);
  pool.free(newer);
  pool.allocate(30 * MiB, 3);
  EXPECT_EQ(backend.used(), 50 * MiB);
  EXPECT_EQ(pool.allocate(20 * MiB, 2)->stream, 2);
  EXPECT_EQ(backend.allocations, 3) << "the newer one was kept";
}

TEST_F(DevicePoolTest, SizesCanBeRoundedToPartsOfAPowerOfTwo) {
  Settings settings("roundup_power2_divisions:4");
  EXPECT_EQ(pool.allocate(1200 * KiB, 0)->size, 1280 * KiB);
}

TEST_F(DevicePoolTest, OwnsInteriorAddressesOnly) {
  Block* a = pool.allocate(20 * MiB, 0);
  EXPECT_TRUE(pool.owns(a->ptr));
  EXPECT_TRUE(pool.owns(a->ptr + 20 * MiB - 1));
  EXPECT_FALSE(pool.owns(a->ptr + 20 * MiB));
  EXPECT_FALSE(pool.owns(a->ptr - 1));
}

TEST_F(DevicePoolTest, PeaksAndTotalsCanBeResetApart) {
  pool.free(pool.allocate(10 * MiB, 0));
  auto before = pool.stats();
  EXPECT_EQ(all(before.allocated_bytes).peak, int64_t(10 * MiB));
  pool.reset_peak_stats();
  EXPECT_EQ(all(pool.stats().allocated_bytes).peak, 0);
  EXPECT_EQ(all(pool.stats().allocated_bytes).allocated, int64_t(10 * MiB));
  pool.reset_accumulated_stats();
  EXPECT_EQ(all(pool.stats().allocated_bytes).allocated, 0);
  EXPECT_EQ(all(pool.stats().reserved_bytes).current, int64_t(10 * MiB));
}

TEST_F(DevicePoolTest, SnapshotNamesStatesAndStreams) {
  Block* used = pool.allocate(3 * MiB, 4);
  Block* waiting = pool.allocate(3 * MiB, 4);
  pool.use_on(waiting, stream(8));
  pool.free(waiting);
  auto segments = pool.snapshot();
  ASSERT_EQ(segments.size(), 1u);
  const auto& s = segments[0];
  EXPECT_EQ(s.address, reinterpret_cast<size_t>(used->ptr));
  EXPECT_EQ(s.stream, reinterpret_cast<void*>(4));
  EXPECT_TRUE(s.is_large);
  EXPECT_EQ(s.allocated_size, 3 * MiB);
  EXPECT_EQ(s.active_size, 6 * MiB);
  ASSERT_EQ(s.blocks.size(), 3u);
  EXPECT_TRUE(s.blocks[0].allocated && s.blocks[0].active);
  EXPECT_TRUE(!s.blocks[1].allocated && s.blocks[1].active);
  EXPECT_TRUE(!s.blocks[2].allocated && !s.blocks[2].active);
}

TEST_F(DevicePoolTest, ServesManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      std::vector<Block*> held;
      for (int i = 0; i < 5000; ++i) {
        held.push_back(pool.allocate(512 * (1 + i % 40), t % 2));
        if (i % 3 == 0) pool.use_on(held.back(), stream(10 + t));
        if (held.size() > 20) {
          pool.free(held[i % 20]);
          held.erase(held.begin() + i % 20);
        }
      }
      for (Block* b : held) pool.free(b);
    });
  }
  for (auto& t : threads) t.join();
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
  EXPECT_EQ(backend.live_events, 0);
  EXPECT_EQ(all(pool.stats().active).current, 0);
}

}  // namespace
}  // namespace npu::testing
