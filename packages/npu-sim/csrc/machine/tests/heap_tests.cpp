#include "npu_sim/heap.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace npu_sim {

TEST(Heap, TakesTheSmallestRangeThatFits) {
  Heap heap(1000);
  Heap::Block merged{};
  auto large = heap.allocate(300, 1), gap = heap.allocate(10, 1), small = heap.allocate(100, 1);
  ASSERT_TRUE(large && gap && small && heap.allocate(590, 1));
  heap.release(*large, &merged);
  heap.release(*small, &merged);
  EXPECT_EQ(heap.allocate(90, 1), small);
}

TEST(Heap, AlignsAndGivesBackWhatAlignmentSkipped) {
  Heap heap(4096);
  ASSERT_TRUE(heap.allocate(1, 1));
  EXPECT_EQ(heap.allocate(512, 512), 512u);
  EXPECT_EQ(heap.allocate(511, 1), 1u);
}

TEST(Heap, MergesFreedNeighbours) {
  Heap heap(300);
  auto a = heap.allocate(100, 1), b = heap.allocate(100, 1), c = heap.allocate(100, 1);
  Heap::Block merged{};
  heap.release(*a, &merged);
  heap.release(*c, &merged);
  EXPECT_FALSE(heap.allocate(200, 1));
  EXPECT_EQ(heap.release(*b, &merged), 100u);
  EXPECT_EQ(merged.offset, 0u);
  EXPECT_EQ(merged.size, 300u);
  EXPECT_EQ(heap.allocate(300, 1), 0u);
}

TEST(Heap, RefusesWhatIsNotAllocated) {
  Heap heap(100);
  Heap::Block merged{};
  auto a = heap.allocate(50, 1);
  EXPECT_FALSE(heap.release(*a + 1, &merged));
  EXPECT_TRUE(heap.release(*a, &merged));
  EXPECT_FALSE(heap.release(*a, &merged));
  EXPECT_FALSE(heap.find(*a));
  EXPECT_FALSE(heap.allocate(0, 1));
  EXPECT_FALSE(heap.allocate(101, 1));
}

TEST(Heap, RandomUseNeverOverlapsAndLosesNothing) {
  constexpr uint64_t kSize = 1 << 16;
  Heap heap(kSize);
  std::mt19937 random(7);
  std::vector<Heap::Block> live;
  std::vector<char> owned(kSize, 0);
  for (int i = 0; i < 20000; ++i) {
    if (random() % 2 && !live.empty()) {
      std::swap(live[random() % live.size()], live.back());
      Heap::Block merged{}, b = live.back();
      ASSERT_EQ(heap.release(b.offset, &merged), b.size);
      std::fill_n(owned.begin() + static_cast<long>(b.offset), b.size, 0);
      live.pop_back();
    } else if (uint64_t size = 1 + random() % 900, align = 1ULL << (random() % 10);
               auto at = heap.allocate(size, align)) {
      ASSERT_EQ(*at % align, 0u);
      for (uint64_t j = *at; j < *at + size; ++j) ASSERT_FALSE(std::exchange(owned[j], 1));
      live.push_back({*at, size});
    }
  }
  for (auto& b : live) {
    Heap::Block merged{};
    heap.release(b.offset, &merged);
  }
  EXPECT_EQ(heap.used(), 0u);
  EXPECT_EQ(heap.allocate(kSize, 1), 0u);
}

}  // namespace npu_sim
