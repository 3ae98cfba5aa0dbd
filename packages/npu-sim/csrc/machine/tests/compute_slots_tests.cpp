#include "npu_sim/compute_slots.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace npu_sim {

TEST(ComputeSlots, NoMoreRunThanThereAreSlots) {
  ComputeSlots slots(2);
  std::atomic<int> running{0}, most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        slots.acquire(static_cast<uint32_t>(t));
        int now = ++running, seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --running;
        slots.release(0);
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_LE(most.load(), 2);
}

TEST(ComputeSlots, TheSmallestPriorityNumberGoesFirst) {
  ComputeSlots slots(1);
  slots.acquire(0);
  std::vector<uint32_t> order;
  std::vector<std::thread> threads;
  std::atomic<int> started{0};
  for (uint32_t priority : {5u, 0u, 3u})
    threads.emplace_back([&, priority] {
      ++started;
      slots.acquire(priority);
      order.push_back(priority);  // one slot: nobody else is here
      slots.release(0);
    });
  while (started < 3) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // all three wait
  slots.release(0);
  for (auto& t : threads) t.join();
  EXPECT_EQ(order, (std::vector<uint32_t>{0, 3, 5}));
}

TEST(ComputeSlots, UtilisationIsOfTheTimeSinceItWasAskedLast) {
  ComputeSlots slots(1);
  slots.take_utilisation();
  slots.acquire(0);
  slots.release(1'000'000'000);
  EXPECT_EQ(slots.take_utilisation(), 100);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(slots.take_utilisation(), 0);
}

}  // namespace npu_sim
