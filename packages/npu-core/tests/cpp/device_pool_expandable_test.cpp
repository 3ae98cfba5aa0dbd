// SPDX-License-Identifier: BSD-3-Clause
#include "fake_pool_backend.h"

namespace npu::testing {
namespace {

class ExpandablePool : public DevicePoolTest {
 protected:
  ExpandablePool() { backend.can_map = true; }
  Expandable on;
};

TEST_F(ExpandablePool, MapsNoMoreThanARequestNeeds) {
  Block* b = pool.allocate(30 * MiB, 0);
  EXPECT_EQ(reserved(), int64_t(40 * MiB));
  EXPECT_EQ(backend.used(), 40 * MiB);
  EXPECT_EQ(backend.allocations, 0);
  pool.free(b);
}

TEST_F(ExpandablePool, LargerRequestGrowsWhatIsIdle) {
  pool.free(pool.allocate(30 * MiB, 0));
  Block* b = pool.allocate(90 * MiB, 0);
  EXPECT_EQ(backend.used(), 100 * MiB);  // fixed segments would hold 30 and then 90
  EXPECT_EQ(backend.ranges(), 1u);
  pool.free(b);
}

TEST_F(ExpandablePool, NeighboursThatWereSeparateRequestsMerge) {
  Block* a = pool.allocate(20 * MiB, 0);
  Block* b = pool.allocate(20 * MiB, 0);
  pool.free(a);
  pool.free(b);
  int64_t before = reserved();
  Block* c = pool.allocate(40 * MiB, 0);
  EXPECT_EQ(reserved(), before);
  pool.free(c);
}

TEST_F(ExpandablePool, EmptyCacheReturnsWholeGranulesAroundWhatIsInUse) {
  Block* a = pool.allocate(20 * MiB, 0);
  Block* b = pool.allocate(1 * MiB + 1, 0);
  Block* c = pool.allocate(60 * MiB, 0);
  pool.free(a);
  pool.free(c);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 20 * MiB);
  EXPECT_TRUE(backend.is_mapped(b->ptr, 20 * MiB));
  Block* again = pool.allocate(20 * MiB, 0);  // the hole is used before new addresses
  EXPECT_EQ(backend.ranges(), 1u);
  pool.free(again);
  pool.free(b);
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
  EXPECT_EQ(backend.ranges(), 0u);
}

TEST_F(ExpandablePool, AnotherStreamGetsItsOwnSegment) {
  Block* a = pool.allocate(20 * MiB, 1);
  Block* b = pool.allocate(20 * MiB, 2);
  EXPECT_EQ(backend.ranges(), 2u);
  pool.free(a);
  Block* c = pool.allocate(100 * MiB, 2);  // only by taking from the first stream
  EXPECT_EQ(backend.ranges(), 1u);
  pool.free(b);
  pool.free(c);
}

TEST_F(ExpandablePool, FailedRequestKeepsWhatIsMappedIdle) {
  Block* a = pool.allocate(100 * MiB, 0);
  EXPECT_THROW(pool.allocate(60 * MiB, 0), c10::OutOfMemoryError);
  EXPECT_LE(backend.used(), 128 * MiB);
  pool.free(a);
  pool.free(pool.allocate(120 * MiB, 0));
  pool.empty_cache();
  EXPECT_EQ(backend.used(), 0u);
}

TEST_F(ExpandablePool, SnapshotShowsWhatIsMapped) {
  Block* a = pool.allocate(20 * MiB, 0);
  Block* b = pool.allocate(20 * MiB, 0);
  Block* c = pool.allocate(20 * MiB, 0);
  pool.free(b);
  pool.empty_cache();
  auto segments = pool.snapshot();
  ASSERT_EQ(segments.size(), 2u);
  for (const auto& s : segments) {
    EXPECT_TRUE(s.is_expandable);
    EXPECT_EQ(s.total_size, 20 * MiB);
  }
  pool.free(a);
  pool.free(c);
}

TEST_F(ExpandablePool, LimitHolds) {
  pool.set_limit(50 * MiB);
  Block* a = pool.allocate(40 * MiB, 0);
  EXPECT_THROW(pool.allocate(20 * MiB, 0), c10::OutOfMemoryError);
  pool.free(a);
}

}  // namespace
}  // namespace npu::testing
