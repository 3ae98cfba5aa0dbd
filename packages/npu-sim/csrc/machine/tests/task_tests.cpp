#include "npu_sim/task.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace npu_sim {

TEST(Task, AnswersWhatTheFunctionAnswers) {
  Task task([] { return 7; });
  EXPECT_EQ(task(), 7);
}

TEST(Task, MovesAndDestroysItsCapturesOnce) {
  auto counted = std::make_shared<int>(1);
  {
    Task small([counted] { return *counted; });
    Task moved(std::move(small));
    std::array<char, 100> padding{};
    Task large([counted, padding] { return *counted + padding[0]; });
    large = std::move(moved);
    EXPECT_EQ(counted.use_count(), 2);
    EXPECT_EQ(large(), 1);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(Task, TakesMoveOnlyCaptures) {
  Task task([p = std::make_unique<int>(3)] { return *p; });
  Task moved(std::move(task));
  EXPECT_EQ(moved(), 3);
}

}  // namespace npu_sim
