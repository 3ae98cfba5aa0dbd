#include "npu_sim/device_memory.h"

#include <cstring>
#include <thread>
#include <vector>

#include "fixture.h"
#include "npu_sim/memory.h"

namespace npu_sim {

using DeviceMemories = DeviceTest;

TEST_F(DeviceMemories, KernelsReadThroughTheShadowWhatTheyWrote) {
  auto* p = static_cast<char*>(device->memory.allocate(4096, 512));
  std::strcpy(shadow(p), "written");
  EXPECT_STREQ(shadow(p), "written");
  char local = 0;
  EXPECT_EQ(shadow(&local), &local);
}

TEST_F(DeviceMemories, OwnsLiveRangesOnly) {
  auto* p = static_cast<char*>(device->memory.allocate(1024, 512));
  int id = -1;
  EXPECT_TRUE(owns(p, 1024, &id));
  EXPECT_EQ(id, 0);
  EXPECT_TRUE(owns(p + 1023, 1, nullptr));
  EXPECT_FALSE(owns(p, 1025, nullptr));
  EXPECT_FALSE(owns(p + 8, SIZE_MAX, nullptr));
  EXPECT_TRUE(device->memory.release(p));
  EXPECT_FALSE(owns(p, 1, nullptr));
  EXPECT_FALSE(device->memory.release(p));
}

TEST_F(DeviceMemories, IsAsLargeAsTheDeviceSays) {
  EXPECT_EQ(device->memory.total(), 256ULL << 20);
  void* all = device->memory.allocate(device->memory.total(), 512);
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(device->memory.allocate(1, 1), nullptr);
  EXPECT_EQ(device->memory.used(), device->memory.total());
  device->memory.release(all);
  EXPECT_EQ(device->memory.used(), 0u);
}

TEST_F(DeviceMemories, DevicesHaveMemoryOfTheirOwn) {
  Device* second = nullptr;
  ASSERT_EQ(open_device(1, &second), 0);
  auto* a = static_cast<int*>(device->memory.allocate(512, 512));
  auto* b = static_cast<int*>(second->memory.allocate(512, 512));
  *shadow(a) = 1;
  *shadow(b) = 2;
  EXPECT_EQ(*shadow(a), 1);
  int id = -1;
  EXPECT_TRUE(owns(b, 512, &id));
  EXPECT_EQ(id, 1);
  second->memory.release(b);
}

TEST_F(DeviceMemories, ManyThreadsAllocateAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        auto* p = static_cast<char*>(device->memory.allocate(512, 512));
        std::memset(shadow(p), t, 512);
        ASSERT_EQ(shadow(p)[511], t);
        ASSERT_TRUE(device->memory.release(p));
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(device->memory.used(), 0u);
}

}  // namespace npu_sim
