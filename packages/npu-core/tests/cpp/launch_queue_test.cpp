// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/launch_queue.h"

#include <c10/util/Exception.h>

#include <thread>

#include "npu/core/error.h"
#include "operators.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;

// Holds the launch thread until it is opened.
struct Gate {
  std::atomic<bool> open{false};
  std::atomic<bool> reached{false};

  Ticket close(LaunchQueue& queue, const NPUStream& stream) {
    return queue.enqueue("gate", stream, [this](aclrtStream) {
      reached = true;
      while (!open) std::this_thread::yield();
    });
  }
};

TEST(LaunchQueue, RunsTasksInTheOrderTheyWereEnqueuedOverAllStreams) {
  start();
  LaunchQueue& queue = LaunchQueue::of(0);
  const NPUStream a = getDefaultNPUStream(), b = getStreamFromPool();
  std::vector<int> order;
  for (int i = 0; i < 5000; ++i)
    queue.enqueue("append", i % 3 ? a : b, [p = &order, i](aclrtStream) { p->push_back(i); });
  queue.flush();
  ASSERT_EQ(order.size(), 5000u);
  for (int i = 0; i < 5000; ++i) EXPECT_EQ(order[i], i);
}

TEST(LaunchQueue, RunsOnItsOwnThreadWithTheDeviceBoundAndTheStreamsHandle) {
  Fake& fake = start();
  const NPUStream stream = getStreamFromPool(false, 1);
  struct Seen {
    std::thread::id thread;
    aclrtStream handle;
  } seen{};
  LaunchQueue::of(1).enqueue("look", stream, [p = &seen](aclrtStream s) {
    *p = {std::this_thread::get_id(), s};
  });
  LaunchQueue::of(1).flush();
  EXPECT_NE(seen.thread, std::this_thread::get_id());
  EXPECT_EQ(seen.handle, stream.handle());
  EXPECT_GE(fake.count("aclrtSetDevice 1"), 1);
  EXPECT_EQ(fake.count("aclrtSetDevice 0"), 0);
}

TEST(LaunchQueue, TheCallerDoesNotWaitForTheTask) {
  start();
  LaunchQueue& queue = LaunchQueue::of(0);
  Gate gate;
  const Ticket ticket = gate.close(queue, getDefaultNPUStream());
  EXPECT_FALSE(queue.launched(ticket));
  gate.open = true;
  queue.flush(ticket);
  EXPECT_TRUE(queue.launched(ticket));
}

TEST(LaunchQueue, AFullQueueMakesItsCallerWaitAndLosesNothing) {
  start();
  LaunchQueue& queue = LaunchQueue::of(0);
  Gate gate;
  gate.close(queue, getDefaultNPUStream());
  struct Big {
    char bytes[16384];
    std::atomic<int>* ran;
    void operator()(aclrtStream) const { ++*ran; }
  };
  std::atomic<int> ran{0}, enqueued{0};
  std::thread producer([&] {
    for (int i = 0; i < 500; ++i, ++enqueued) queue.enqueue("big", getDefaultNPUStream(), Big{{}, &ran});
  });
  while (enqueued < 50) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LT(enqueued, 200);  // 500 do not fit
  EXPECT_EQ(ran, 0);
  gate.open = true;
  producer.join();
  queue.flush();
  EXPECT_EQ(ran, 500);
}

TEST(LaunchQueue, ManyProducersEachKeepTheirOrder) {
  start();
  LaunchQueue& queue = LaunchQueue::of(0);
  std::vector<std::pair<int, int>> order;
  std::vector<std::thread> producers;
  for (int t = 0; t < 4; ++t)
    producers.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i)
        queue.enqueue("append", getCurrentNPUStream(0),
                      [p = &order, t, i](aclrtStream) { p->emplace_back(t, i); });
    });
  for (auto& p : producers) p.join();
  queue.flush();
  ASSERT_EQ(order.size(), 8000u);
  int next[4] = {};
  for (auto [t, i] : order) EXPECT_EQ(i, next[t]++);
}

TEST(LaunchQueue, TheFirstErrorIsRaisedOnceByTheNextSynchronisation) {
  start();
  LaunchQueue& queue = LaunchQueue::of(0);
  int later = 0;
  queue.enqueue("first", getDefaultNPUStream(), [](aclrtStream) { TORCH_CHECK_VALUE(false, "the cause"); });
  queue.enqueue("second", getDefaultNPUStream(), [](aclrtStream) { TORCH_CHECK(false, "the consequence"); });
  queue.enqueue("third", getDefaultNPUStream(), [p = &later](aclrtStream) { *p = 1; });
  queue.flush();
  EXPECT_EQ(later, 1);
  const std::string message = thrown<c10::ValueError>([] { synchronize(); });
  EXPECT_CONTAINS(message, "the cause");
  EXPECT_CONTAINS(message, "operation: first on npu:0, stream 0");
  EXPECT_EQ(message.find("consequence"), std::string::npos);
  synchronize();  // says nothing any more
}

TEST(LaunchQueue, AnErrorKeepsItsKindAndCode) {
  start();
  LaunchQueue::of(0).enqueue("fail", getDefaultNPUStream(), [](aclrtStream) {
    throw c10::AcceleratorError({"", "", 0}, 507015, "AI core exception");
  });
  try {
    synchronize_stream(getDefaultNPUStream());
    FAIL();
  } catch (const c10::AcceleratorError& e) {
    EXPECT_EQ(e.get_error_code(), 507015);
  }
}

TEST(LaunchQueue, AnErrorOfAnotherDeviceStaysThere) {
  start();
  LaunchQueue::of(1).enqueue("fail", getDefaultNPUStream(1),
                             [](aclrtStream) { TORCH_CHECK(false, "on npu:1"); });
  LaunchQueue::of(1).flush();
  synchronize(0);
  EXPECT_CONTAINS(thrown<c10::Error>([] { synchronize(1); }), "on npu:1");
}

TEST(LaunchQueue, AnErrorNamesWhereItWasEnqueued) {
  start();
  set_location_hook({[]() noexcept {
                       return Location{"train.py", 12};
                     },
                     [](const Location& l) {
                       return std::string(static_cast<const char*>(l.code)) + ":" + std::to_string(l.offset);
                     }});
  LaunchQueue::of(0).enqueue("fail", getDefaultNPUStream(), [](aclrtStream) { TORCH_CHECK(false, "x"); });
  EXPECT_CONTAINS(thrown<c10::Error>([] { synchronize(); }), "enqueued at: train.py:12");
}

TEST(LaunchQueue, AFailedSynchronisationPrefersTheQueuedError) {
  Fake& fake = start();
  LaunchQueue::of(0).enqueue("fail", getDefaultNPUStream(),
                             [](aclrtStream) { TORCH_CHECK(false, "the cause"); });
  LaunchQueue::of(0).flush();
  fake.fail["aclrtSynchronizeDevice"] = 507015;
  EXPECT_CONTAINS(thrown<c10::Error>([] { synchronize(); }), "the cause");
  fake.fail["aclrtSynchronizeDevice"] = 507015;
  EXPECT_CONTAINS(thrown<c10::AcceleratorError>([] { synchronize(); }), "aclrtSynchronizeDevice failed");
}

TEST(LaunchQueue, ATaskThatEnqueuesOnItsOwnQueueIsRefused) {
  start();
  LaunchQueue::of(0).enqueue("outer", getDefaultNPUStream(), [](aclrtStream) {
    LaunchQueue::of(0).enqueue("inner", getDefaultNPUStream(), [](aclrtStream) {});
  });
  EXPECT_CONTAINS(thrown<c10::Error>([] { synchronize(); }),
                  "'inner' was enqueued by a task of the same launch queue");
}

TEST(LaunchQueue, FlushForGivesUpInTime) {
  start();
  LaunchQueue& queue = LaunchQueue::of(0);
  Gate gate;
  gate.close(queue, getDefaultNPUStream());
  EXPECT_FALSE(queue.flush_for(20));
  gate.open = true;
  EXPECT_TRUE(queue.flush_for(10000));
}

TEST(LaunchQueue, WakesAfterHavingSlept) {
  start();
  LaunchQueue& queue = LaunchQueue::of(0);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_TRUE(
        (queue.enqueue("nothing", getDefaultNPUStream(), [](aclrtStream) {}), queue.flush_for(10000)));
  }
}

TEST(LaunchQueue, WorkspacesAreReleasedAfterTheirStreamIsDone) {
  Fake& fake = start();
  connect();
  fake.workspace = 1000;
  launch<aclnnInplace>(tensor({2}));
  synchronize();
  ASSERT_EQ(fake.seen("aclrtMalloc"), std::vector<std::string>{"aclrtMalloc 2097152"});
  fake.calls.clear();
  EXPECT_EQ(LaunchQueue::of(0).release_workspaces(), size_t{2} << 20);
  ASSERT_EQ(fake.seen("").size(), 2u);
  EXPECT_CONTAINS(fake.seen("")[0], "aclrtSynchronizeStream");
  EXPECT_EQ(fake.seen("")[1], "aclrtFree");
  EXPECT_EQ(LaunchQueue::of(0).release_workspaces(), 0u);
}

TEST(LaunchQueue, ProducersOfAFullQueueNeverWaitForWorkThatNobodyEnqueues) {
  start();
  LaunchQueue& queue = LaunchQueue::of(0);
  struct Big {  // eight fill the ring
    char bytes[250000];
    void operator()(aclrtStream) const {}
  };
  static const Big big{};
  std::atomic<int> finished{0};
  std::vector<std::thread> producers;
  for (int t = 0; t < 2; ++t)
    producers.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) queue.enqueue("big", getDefaultNPUStream(0), big);
      ++finished;
    });
  for (int waited = 0; finished < 2 && waited < 60000; waited += 10)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (finished < 2) std::abort();  // the producers cannot be joined
  for (auto& p : producers) p.join();
  EXPECT_TRUE(queue.flush_for(10000));
}

TEST(InlineMode, WithoutATaskQueueTheCallerRunsTheTaskAndGetsTheError) {
  setenv("TASK_QUEUE_ENABLE", "0", 1);
  Fake& fake = start();
  std::thread::id where;
  LaunchQueue& queue = LaunchQueue::of(0);
  queue.enqueue("look", getDefaultNPUStream(),
                [p = &where](aclrtStream) { *p = std::this_thread::get_id(); });
  EXPECT_EQ(where, std::this_thread::get_id());
  const std::string message = thrown<c10::ValueError>([&] {
    queue.enqueue("fail", getDefaultNPUStream(), [](aclrtStream) { TORCH_CHECK_VALUE(false, "at once"); });
  });
  EXPECT_CONTAINS(message, "at once");
  EXPECT_CONTAINS(message, "operation: fail");
  EXPECT_EQ(fake.count("aclrtSynchronizeStream"), 0);
  synchronize();  // nothing is left
}

TEST(InlineMode, AFlushOnAnotherThreadIsWokenWhenTheTaskEnds) {
  setenv("TASK_QUEUE_ENABLE", "0", 1);
  start();
  LaunchQueue& queue = LaunchQueue::of(0);
  Gate gate;
  std::thread runs([&] { gate.close(queue, getDefaultNPUStream(0)); });
  while (!gate.reached) std::this_thread::yield();
  std::atomic<bool> flushed{false};
  std::thread waits([&] {
    queue.flush();
    flushed = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // until it sleeps
  EXPECT_FALSE(flushed);
  gate.open = true;
  runs.join();
  for (int waited = 0; !flushed && waited < 10000; ++waited)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!flushed) std::abort();  // the flusher cannot be joined
  waits.join();
}

TEST(InlineMode, LaunchBlockingWaitsForTheStreamToo) {
  setenv("ASCEND_LAUNCH_BLOCKING", "1", 1);
  Fake& fake = start();
  LaunchQueue& queue = LaunchQueue::of(0);
  queue.enqueue("nothing", getDefaultNPUStream(), [](aclrtStream) {});
  EXPECT_EQ(fake.count("aclrtSynchronizeStream"), 1);
  fake.fail["aclrtSynchronizeStream"] = 507015;
  EXPECT_CONTAINS(
      thrown<c10::AcceleratorError>([&] { queue.enqueue("hit", getDefaultNPUStream(), [](aclrtStream) {}); }),
      "operation: hit");
}

TEST(InlineMode, ABadValueIsNamed) {
  setenv("TASK_QUEUE_ENABLE", "yes", 1);
  start();
  EXPECT_CONTAINS(thrown<c10::ValueError>([] { LaunchQueue::of(0); }), "TASK_QUEUE_ENABLE=yes");
}

}  // namespace
