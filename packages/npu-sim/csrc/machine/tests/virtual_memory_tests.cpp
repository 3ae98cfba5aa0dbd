#include "npu_sim/virtual_memory.h"

#include "fixture.h"
#include "npu_sim/memory.h"

namespace npu_sim {

using VirtualMemories = DeviceTest;

TEST_F(VirtualMemories, BlocksMappedSideBySideAreOneRange) {
  void* at = nullptr;
  aclrtDrvMemHandle a = nullptr, b = nullptr;
  ASSERT_EQ(reserve_address(&at, 4 * kHugePage), 0);
  ASSERT_EQ(allocate_physical(0, kHugePage, &a), 0);
  ASSERT_EQ(allocate_physical(0, 2 * kHugePage, &b), 0);
  char* p = static_cast<char*>(at);
  ASSERT_EQ(map_memory(p, kHugePage, a), 0);
  ASSERT_EQ(map_memory(p + kHugePage, 2 * kHugePage, b), 0);
  int id = -1;
  EXPECT_TRUE(owns(p, 3 * kHugePage, &id));
  EXPECT_EQ(id, 0);
  EXPECT_FALSE(owns(p, 3 * kHugePage + 1, nullptr));
  for (uint64_t i = 0; i < 3 * kHugePage; i += kHugePage / 2) shadow(p)[i] = 'x';
  EXPECT_EQ(map_memory(p + kHugePage, kHugePage, a), ACL_ERROR_RT_PARAM_INVALID);  // taken
  EXPECT_EQ(release_address(p), ACL_ERROR_RT_PARAM_INVALID);                       // still mapped
  EXPECT_EQ(unmap_memory(p), 0);
  EXPECT_EQ(unmap_memory(p), ACL_ERROR_RT_PARAM_INVALID);
  EXPECT_FALSE(owns(p, 1, nullptr));
  EXPECT_EQ(unmap_memory(p + kHugePage), 0);
  EXPECT_EQ(free_physical(a), 0);
  EXPECT_EQ(free_physical(a), ACL_ERROR_RT_INVALID_HANDLE);
  EXPECT_EQ(free_physical(b), 0);
  EXPECT_EQ(release_address(p), 0);
  EXPECT_EQ(device->memory.used(), 0u);
}

TEST_F(VirtualMemories, ContentsFollowThePhysicalMemory) {
  void* at = nullptr;
  aclrtDrvMemHandle memory = nullptr;
  ASSERT_EQ(reserve_address(&at, 2 * kHugePage), 0);
  ASSERT_EQ(allocate_physical(0, kHugePage, &memory), 0);
  char* p = static_cast<char*>(at);
  ASSERT_EQ(map_memory(p, kHugePage, memory), 0);
  shadow(p)[5] = 'm';
  ASSERT_EQ(map_memory(p + kHugePage, kHugePage, memory), 0);  // twice
  EXPECT_EQ(shadow(p + kHugePage)[5], 'm');
  EXPECT_EQ(unmap_memory(p), 0);
  EXPECT_EQ(free_physical(memory), 0);
  EXPECT_EQ(device->memory.used(), kHugePage);  // the second mapping holds it
  EXPECT_EQ(unmap_memory(p + kHugePage), 0);
  EXPECT_EQ(device->memory.used(), 0u);
  EXPECT_EQ(release_address(p), 0);
}

TEST_F(VirtualMemories, PhysicalMemoryCountsAgainstTheDevice) {
  aclrtDrvMemHandle memory = nullptr, none = nullptr;
  ASSERT_EQ(allocate_physical(0, device->memory.total(), &memory), 0);
  EXPECT_EQ(allocate_physical(0, kHugePage, &none), ACL_ERROR_RT_MEMORY_ALLOCATION);
  EXPECT_EQ(free_physical(memory), 0);
}

TEST_F(VirtualMemories, ExportedMemoryIsTheSameMemory) {
  void* at = nullptr;
  aclrtDrvMemHandle memory = nullptr, imported = nullptr;
  uint64_t number = 0;
  ASSERT_EQ(reserve_address(&at, 2 * kHugePage), 0);
  ASSERT_EQ(allocate_physical(0, kHugePage, &memory), 0);
  ASSERT_EQ(export_physical(memory, &number), 0);
  ASSERT_EQ(import_physical(number, 0, &imported), 0) << take_error_message();
  uint64_t of_no_process = number & ((1ULL << 42) - 1);
  EXPECT_EQ(import_physical(of_no_process, 0, &imported), ACL_ERROR_RT_PARAM_INVALID);
  char* p = static_cast<char*>(at);
  ASSERT_EQ(map_memory(p, kHugePage, memory), 0);
  ASSERT_EQ(map_memory(p + kHugePage, kHugePage, imported), 0);
  shadow(p)[9] = 's';
  EXPECT_EQ(shadow(p + kHugePage)[9], 's');
  for (char* q : {p, p + kHugePage}) EXPECT_EQ(unmap_memory(q), 0);
  for (auto h : {memory, imported}) EXPECT_EQ(free_physical(h), 0);
  EXPECT_EQ(release_address(p), 0);
}

}  // namespace npu_sim
