// SPDX-License-Identifier: BSD-3-Clause
// What a profiler is told of the work that is enqueued.
#include <mutex>
#include <thread>

#include "npu/core/host_memory.h"
#include "npu/core/launch_queue.h"
#include "operators.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;

NPU_PLUGIN(1)

// The calls that came, "enqueue aclnnAdd", in order.
struct Journal {
  std::mutex mutex;
  std::vector<std::string> calls;
  std::vector<npu_activity> activities;
  std::thread::id launcher;
  uint64_t answer = 7;

  void add(std::string call) {
    std::lock_guard lock(mutex);
    calls.push_back(std::move(call));
  }
};
Journal g_journal;

constexpr npu_activity_hooks kHooks{
    .struct_size = sizeof(npu_activity_hooks),
    .enqueue_begin =
        [](const npu_activity* a) {
          g_journal.add(std::string("enqueue ") + a->name);
          std::lock_guard lock(g_journal.mutex);
          g_journal.activities.push_back(*a);
          return g_journal.answer;
        },
    .enqueue_end = [](uint64_t id) { g_journal.add("enqueued " + std::to_string(id)); },
    .launch_begin =
        [](uint64_t id, aclrtStream stream) {
          g_journal.launcher = std::this_thread::get_id();
          g_journal.add("launch " + std::to_string(id) + (stream ? " on a stream" : " blocking"));
        },
    .launch_end = [](uint64_t id, aclrtStream) { g_journal.add("launched " + std::to_string(id)); },
};

bool has(const std::string& call) {
  std::lock_guard lock(g_journal.mutex);
  return std::find(g_journal.calls.begin(), g_journal.calls.end(), call) != g_journal.calls.end();
}

Fake& begin() {
  Fake& f = start();
  EXPECT_EQ(npu_plugin_init(core_table()), nullptr);
  return f;
}

void add() { launch<aclnnAdd>(tensor({2}), tensor({2}), c10::Scalar(1), tensor({2})); }

TEST(Activity, AnOperatorIsReportedWhereItIsEnqueuedAndWhereItIsLaunched) {
  begin();
  NPU_CALL(core().set_activity_hooks(&kHooks));
  add();
  synchronize();
  EXPECT_TRUE(has("enqueue aclnnAdd"));
  EXPECT_TRUE(has("enqueued 7"));
  EXPECT_TRUE(has("launch 7 on a stream"));
  EXPECT_TRUE(has("launched 7"));
  EXPECT_EQ(g_journal.activities.at(0).kind, static_cast<uint32_t>(NPU_ACTIVITY_OPERATOR));
  EXPECT_NE(g_journal.launcher, std::this_thread::get_id());
}

TEST(Activity, WorkThatTheProfilerDoesNotWantIsNotFollowed) {
  begin();
  g_journal.answer = 0;
  NPU_CALL(core().set_activity_hooks(&kHooks));
  add();
  synchronize();
  EXPECT_EQ(g_journal.calls, std::vector<std::string>{"enqueue aclnnAdd"});
}

TEST(Activity, NothingIsReportedAfterTheProfilerLeft) {
  begin();
  NPU_CALL(core().set_activity_hooks(&kHooks));
  NPU_CALL(core().set_activity_hooks(nullptr));
  add();
  synchronize();
  EXPECT_TRUE(g_journal.calls.empty());
}

TEST(Activity, ACopyOfPageableMemorySaysItsBytesAndThatItBlocks) {
  begin();
  NPU_CALL(core().set_activity_hooks(&kHooks));
  char bytes[24] = {}, device[24];  // the tests' CANN copies between what it is given
  copy_bytes(device, 0, bytes, -1, sizeof bytes, false);
  EXPECT_TRUE(has("launch 7 blocking"));
  ASSERT_EQ(g_journal.activities.size(), 1u);
  EXPECT_EQ(g_journal.activities[0].kind, static_cast<uint32_t>(NPU_ACTIVITY_COPY));
  EXPECT_EQ(g_journal.activities[0].nbytes, 24u);
  EXPECT_EQ(g_journal.activities[0].copy_kind, ACL_MEMCPY_HOST_TO_DEVICE);
}

TEST(Activity, AnOperatorThatCannRefusesEndsItsLaunch) {
  begin().fail["aclnnAddGetWorkspaceSize"] = ACLNN_ERR_PARAM_INVALID;
  NPU_CALL(core().set_activity_hooks(&kHooks));
  add();
  EXPECT_ANY_THROW(synchronize());
  // The first phase refused, so that nothing was handed to the stream.
  EXPECT_TRUE(has("enqueued 7"));
  EXPECT_FALSE(has("launch 7 on a stream"));
}

TEST(Activity, HooksOfAnOlderLayoutAreRefused) {
  begin();
  npu_activity_hooks old = kHooks;
  old.struct_size = 8;
  EXPECT_EQ(core().set_activity_hooks(&old), NPU_VALUE_ERROR);
}

}  // namespace
