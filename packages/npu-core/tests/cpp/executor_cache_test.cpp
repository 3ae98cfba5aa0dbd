// SPDX-License-Identifier: BSD-3-Clause
#include <c10/util/Exception.h>

#include "npu/core/launch_queue.h"
#include "operators.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;

Fake& begin() {
  Fake& f = start();
  connect();
  return f;
}

void add(uintptr_t self, uintptr_t other, uintptr_t out, std::vector<int64_t> sizes = {2, 3},
         double alpha = 1) {
  launch<aclnnAdd>(tensor(sizes, self), tensor(sizes, other), c10::Scalar(alpha), tensor(sizes, out));
}

int first_phases(Fake& fake) { return fake.count("aclnnAddGetWorkspaceSize"); }

TEST(ExecutorCache, RepeatedCallsSkipTheFirstPhaseAndCarryTheirOwnAddresses) {
  Fake& fake = begin();
  for (uintptr_t i = 0; i < 10; ++i) add(0x1000 + i * 16, 0x2000, 0x3000 + i * 16);
  synchronize();
  EXPECT_EQ(first_phases(fake), 2);  // the second time it is kept
  const auto calls = fake.seen("aclnnAdd ");
  ASSERT_EQ(calls.size(), 10u);
  for (uintptr_t i = 0; i < 10; ++i)
    EXPECT_CONTAINS(calls[i],
                    std::to_string(0x1000 + i * 16) + " 8192 -> " + std::to_string(0x3000 + i * 16));
  EXPECT_EQ(fake.executors, 1);
}

TEST(ExecutorCache, AddressesThatDidNotChangeAreNotSetAgain) {
  Fake& fake = begin();
  for (int i = 0; i < 5; ++i) add(0x1000, 0x2000, 0x3000);
  synchronize();
  EXPECT_EQ(fake.count("aclSet") - fake.count("aclSetAclOpExecutorRepeatable"), 0);
}

TEST(ExecutorCache, AnythingButAddressesMakesAnotherCall) {
  Fake& fake = begin();
  for (int i = 0; i < 3; ++i) {
    add(0x1000, 0x2000, 0x3000);
    add(0x1000, 0x2000, 0x3000, {3, 2});
    add(0x1000, 0x2000, 0x3000, {2, 3}, 2);
    launch<aclnnAdd>(tensor({2, 3}, 0x1000, 0, c10::kHalf), tensor({2, 3}, 0x2000), c10::Scalar(1.0),
                     tensor({2, 3}, 0x3000));
    launch<aclnnAdd>(tensor({2, 3}, 0x1000), tensor({2, 3}, 0x2000), c10::Scalar(1), tensor({2, 3}, 0x3000));
  }
  synchronize();
  EXPECT_EQ(fake.executors, 5);
  EXPECT_EQ(first_phases(fake), 10);
}

TEST(ExecutorCache, AnOutputThatIsAnInputMakesAnotherCall) {
  Fake& fake = begin();
  for (int i = 0; i < 3; ++i) add(0x1000, 0x2000, 0x3000);
  for (int i = 0; i < 3; ++i) add(0x1000, 0x2000, 0x1000);
  synchronize();
  EXPECT_EQ(fake.executors, 2);
}

TEST(ExecutorCache, ATensorThatIsReadAndWrittenIsReaddressedAsBoth) {
  Fake& fake = begin();
  for (uintptr_t i = 0; i < 3; ++i) launch<aclnnInplace>(tensor({2}, 0x1000 * (i + 1)));
  synchronize();
  EXPECT_EQ(fake.count("aclSetInputTensorAddr 0"), 1);
  EXPECT_EQ(fake.count("aclSetOutputTensorAddr 0"), 1);
  EXPECT_CONTAINS(fake.seen("aclnnInplace ")[2], "12288 -> 12288");
}

TEST(ExecutorCache, TensorListsAreReaddressedByElement) {
  Fake& fake = begin();
  const std::vector<int64_t> ints{1};
  const float floats[] = {1};
  const bool bools[] = {true};
  for (uintptr_t i = 1; i < 4; ++i) {
    const std::vector<at::Tensor> list{tensor({1}, 0x10), tensor({1}, 0x1000 * i)};
    launch<aclnnMany>(list, std::optional<at::Tensor>(), ints, c10::ArrayRef<float>(floats),
                      c10::ArrayRef<bool>(bools), 1.0, 2.0, true, std::string_view("s"), tensor({2}, 0x40));
  }
  synchronize();
  EXPECT_EQ(fake.seen("aclSetDynamicInputTensorAddr"),
            std::vector<std::string>{"aclSetDynamicInputTensorAddr 0.1"});
  EXPECT_CONTAINS(fake.seen("aclnnMany ")[2], "16 12288 -> 64");
}

TEST(ExecutorCache, ATensorAfterAListIsNotReaddressed) {
  Fake& fake = begin();
  const std::vector<int64_t> ints{1};
  const float floats[] = {1};
  const bool bools[] = {true};
  for (uintptr_t i = 1; i < 4; ++i) {
    const std::vector<at::Tensor> list{tensor({1}, 0x10), tensor({1}, 0x20)};
    launch<aclnnMany>(list, std::optional<at::Tensor>(tensor({2}, 0x1000 * i)), ints,
                      c10::ArrayRef<float>(floats), c10::ArrayRef<bool>(bools), 1.0, 2.0, true,
                      std::string_view("s"), tensor({2}, 0x40));
  }
  synchronize();
  EXPECT_EQ(fake.count("aclnnManyGetWorkspaceSize"), 3);
  EXPECT_EQ(fake.executors, 0);
}

TEST(ExecutorCache, AnOperatorThatRefusesIsAskedOnceAndTakesThePlainWay) {
  Fake& fake = begin();
  for (int i = 0; i < 6; ++i) launch<aclnnRefuses>(tensor({2}), tensor({2}, 0x2000));
  synchronize();
  EXPECT_EQ(fake.count("aclSetAclOpExecutorRepeatable"), 1);
  EXPECT_EQ(fake.count("aclnnRefusesGetWorkspaceSize"), 6);
  EXPECT_EQ(fake.count("aclnnRefuses "), 6);
  EXPECT_EQ(fake.executors, 0);
}

TEST(ExecutorCache, AnAddressThatIsRefusedLeadsBackToThePlainWay) {
  Fake& fake = begin();
  for (int i = 0; i < 2; ++i) add(0x1000, 0x2000, 0x3000);
  synchronize();
  fake.fail["aclSetInputTensorAddr"] = 161002;
  for (int i = 0; i < 3; ++i) add(0x5000, 0x2000, 0x3000);
  synchronize();
  EXPECT_EQ(first_phases(fake), 5);
  for (int i = 2; i < 5; ++i) EXPECT_CONTAINS(fake.seen("aclnnAdd ")[i], "20480 8192 -> 12288");
  EXPECT_EQ(fake.executors, 0);
}

TEST(ExecutorCache, CallsThatNeverRepeatAreNotKept) {
  Fake& fake = begin();
  for (int i = 0; i < 50; ++i) add(0x1000, 0x2000, 0x3000, {2}, i);
  synchronize();
  EXPECT_EQ(fake.executors, 0);
  EXPECT_EQ(fake.count("aclSetAclOpExecutorRepeatable"), 0);
}

TEST(ExecutorCache, IsBoundedAndDropsTheLeastRecentlyUsed) {
  setenv("NPU_EXECUTOR_CACHE", "8", 1);
  Fake& fake = begin();
  for (int i = 1; i <= 20; ++i) {
    for (int k = 0; k < 2; ++k) add(0x1000, 0x2000, 0x3000, {i});
    add(0x1000, 0x2000, 0x3000, {1});  // stays in use
  }
  synchronize();
  EXPECT_LE(fake.executors, 8);
  EXPECT_GT(fake.executors, 0);
  const int before = first_phases(fake);
  add(0x1000, 0x2000, 0x3000, {1});
  synchronize();
  EXPECT_EQ(first_phases(fake), before);
  EXPECT_GE(fake.count("aclrtSynchronizeDevice"), 1);
}

TEST(ExecutorCache, ChangedOptionsOfCannMakeOldExecutorsUnused) {
  Fake& fake = begin();
  for (int i = 0; i < 3; ++i) add(0x1000, 0x2000, 0x3000);
  synchronize();
  launch_options_changed();
  add(0x1000, 0x2000, 0x3000);
  synchronize();
  EXPECT_EQ(first_phases(fake), 3);
}

TEST(ExecutorCache, TheSwitchTurnsItOff) {
  setenv("NPU_EXECUTOR_CACHE", "0", 1);
  Fake& fake = begin();
  for (int i = 0; i < 5; ++i) add(0x1000, 0x2000, 0x3000);
  synchronize();
  EXPECT_EQ(first_phases(fake), 5);
  EXPECT_EQ(fake.count("aclSetAclOpExecutorRepeatable"), 0);
}

TEST(ExecutorCache, AFailedSecondPhaseKeepsNothingHalfMade) {
  Fake& fake = begin();
  add(0x1000, 0x2000, 0x3000);
  synchronize();
  fake.fail["aclnnAdd"] = 507015;
  add(0x1000, 0x2000, 0x3000);
  EXPECT_NE(thrown<c10::AcceleratorError>([] { synchronize(); }), "");
  EXPECT_EQ(fake.executors, 0);
  add(0x1000, 0x2000, 0x3000);
  synchronize();
}

TEST(Descriptors, AreInitialisedAnewInsteadOfCreated) {
  setenv("NPU_EXECUTOR_CACHE", "0", 1);
  Fake& fake = begin();
  for (int i = 0; i < 10; ++i) add(0x1000, 0x2000, 0x3000);
  synchronize();
  EXPECT_EQ(fake.count("aclCreateTensor"), 3);
  EXPECT_EQ(fake.count("aclInitTensor"), 27);
}

TEST(Descriptors, WithoutInitTensorTheyAreCreatedAndDestroyed) {
  setenv("NPU_EXECUTOR_CACHE", "0", 1);
  Fake& fake = start("fake_without_optional");
  connect();
  for (int i = 0; i < 10; ++i) add(0x1000, 0x2000, 0x3000);
  synchronize();
  EXPECT_EQ(fake.count("aclCreateTensor"), 30);
  EXPECT_EQ(fake.tensors, 0);
}

}  // namespace
