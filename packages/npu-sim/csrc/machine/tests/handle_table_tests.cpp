#include "npu_sim/handle_table.h"

#include <gtest/gtest.h>

namespace npu_sim {

TEST(HandleTable, AHandleOfTheDeadNamesNothingThoughItsSlotIsUsedAgain) {
  HandleTable<int> table(5);
  void* first = table.insert(std::make_shared<int>(1));
  EXPECT_EQ(*table.remove(first), 1);
  void* second = table.insert(std::make_shared<int>(2));
  EXPECT_NE(first, second);
  EXPECT_EQ(table.find(first), nullptr);
  EXPECT_EQ(table.remove(first), nullptr);
  EXPECT_EQ(*table.find(second), 2);
}

TEST(HandleTable, ForeignPointersNameNothing) {
  HandleTable<int> table(5), other(6);
  int local = 0;
  void* handle = table.insert(std::make_shared<int>(1));
  EXPECT_EQ(table.find(&local), nullptr);
  EXPECT_EQ(table.find(nullptr), nullptr);
  EXPECT_EQ(table.find(reinterpret_cast<void*>(~uintptr_t{0})), nullptr);
  EXPECT_EQ(other.find(handle), nullptr);
}

}  // namespace npu_sim
