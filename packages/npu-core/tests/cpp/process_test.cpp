// SPDX-License-Identifier: BSD-3-Clause
// Devices, fork and shutdown.
#include <c10/util/Exception.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mutex>
#include <thread>
#include <vector>

#include "npu/core/NPUEvent.h"
#include "npu/core/NPUGuard.h"
#include "npu/core/launch_queue.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;

// Runs `check` in a forked child; whether it answered true there.
template <class F>
bool in_child(F check) {
  const pid_t pid = fork();
  if (pid == 0) {
    bool ok = false;
    try {
      ok = check();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
    }
    _exit(ok ? 0 : 1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Device, TheCurrentOneIsAThreadsOwn) {
  start();
  set_device(1);
  EXPECT_EQ(current_device(), 1);
  DeviceIndex other = -1;
  std::thread([&] { other = current_device(); }).join();
  EXPECT_EQ(other, 0);
}

TEST(Device, AnIndexOutOfRangeNamesTheRange) {
  start();
  const std::string message = thrown<c10::AcceleratorError>([] { set_device(2); });
  EXPECT_CONTAINS(message, "invalid device ordinal 2");
  EXPECT_CONTAINS(message, "npu:0 to npu:1");
  EXPECT_CONTAINS(message, "check ASCEND_RT_VISIBLE_DEVICES");
  EXPECT_EQ(current_device(), 0);
  set_device(-1);
  EXPECT_EQ(exchange_device(-1), -1);
  EXPECT_EQ(current_device(), 0);
}

TEST(Device, AGuardRestoresAfterAnException) {
  start();
  try {
    NPUGuard guard(DeviceIndex{1});
    EXPECT_EQ(current_device(), 1);
    throw 1;
  } catch (int) {
  }
  EXPECT_EQ(current_device(), 0);
}

TEST(Device, ChoosingOneDoesNotInitialiseIt) {
  Fake& fake = start();
  set_device(1);
  EXPECT_FALSE(is_initialized());
  EXPECT_FALSE(has_context(1));
  synchronize();
  EXPECT_TRUE(has_context(1));
  EXPECT_FALSE(has_context(0));
  EXPECT_EQ(fake.seen("aclrtSetDevice"), std::vector<std::string>{"aclrtSetDevice 1"});
}

TEST(Init, TheRuntimeIsChosenBeforeItsLockIsTaken) {
  static std::recursive_mutex gil;
  static std::atomic<bool> choosing{false};
  set_runtime_selector([] {
    choosing = true;
    std::lock_guard lock(gil);
    try {
      set_runtime(folder(), "");
    } catch (const c10::Error&) {
      // The other thread was first.
    }
  });
  std::atomic<bool> done{false};
  gil.lock();
  std::thread other([&] {
    init();  // stands in the selector, which wants the lock of ours
    done = true;
  });
  while (!choosing) std::this_thread::yield();
  alarm(20);  // ends the test if the next line waits for that thread
  init();
  gil.unlock();
  other.join();
  EXPECT_TRUE(done && is_initialized());
}

TEST(Fork, AfterQueriesTheChildMayUseDevices) {
  start();
  EXPECT_EQ(device_count(), 2);
  EXPECT_TRUE(in_child([] {
    synchronize(0);
    return is_initialized() && !in_bad_fork();
  }));
}

TEST(Fork, AfterInitialisationTheChildGetsTorchsSentence) {
  start();
  bool ran = false;
  LaunchQueue::of(0).enqueue("touch", getCurrentNPUStream(), [p = &ran](aclrtStream) { *p = true; });
  synchronize();
  EXPECT_TRUE(ran);
  EXPECT_TRUE(in_child([] {
    const std::string message = thrown<c10::Error>([] { synchronize(); });
    const std::string queued = thrown<c10::Error>(
        [] { LaunchQueue::of(0).enqueue("x", getCurrentNPUStream(), [](aclrtStream) {}); });
    const char* sentence =
        "Cannot re-initialize NPU in forked subprocess. To use NPU with multiprocessing, you must use the "
        "'spawn' start method";
    return message.find(sentence) != std::string::npos && queued.find(sentence) != std::string::npos &&
           in_bad_fork() && !is_initialized();
  }));
}

TEST(Fork, QueriesAnswerInTheChildFromWhatTheParentKnew) {
  start();
  init();
  EXPECT_STREQ(soc_name(), "Ascend910B2");
  EXPECT_TRUE(in_child(
      [] { return device_count() == 2 && std::string(soc_name()) == "Ascend910B2" && shutdown().empty(); }));
}

TEST(Shutdown, DrainsTheQueueThenLetsNothingThrough) {
  Fake& fake = start();
  std::atomic<int> ran{0};
  for (int i = 0; i < 100; ++i)
    LaunchQueue::of(0).enqueue("count", getCurrentNPUStream(), [p = &ran](aclrtStream) { ++*p; });
  NPUEvent event;
  event.record();
  EXPECT_EQ(shutdown(), "");
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(fake.count("aclrtSynchronizeDevice"), 1);
  const size_t before = fake.seen("").size();
  EXPECT_CONTAINS(thrown<c10::Error>(
                      [] { LaunchQueue::of(0).enqueue("late", getCurrentNPUStream(), [](aclrtStream) {}); }),
                  "shut down");
  EXPECT_CONTAINS(thrown<c10::Error>([] { synchronize(); }), "shut down");
  EXPECT_FALSE(cann_usable());
  event = NPUEvent();  // gives back the old one
  EXPECT_EQ(shutdown(), "");
  EXPECT_EQ(fake.seen("").size(), before);
}

// Every task that was taken has run when shutdown returns, however close to it the task came.
void race_shutdown() {
  start();
  LaunchQueue::of(0);
  bind_device(0);
  std::atomic<int> accepted{0}, ran{0};
  std::vector<std::thread> producers;
  for (int t = 0; t < 3; ++t)
    producers.emplace_back([&] {
      try {
        for (;; ++accepted)
          LaunchQueue::of(0).enqueue("count", getDefaultNPUStream(0), [p = &ran](aclrtStream) { ++*p; });
      } catch (const c10::Error& e) {
        EXPECT_CONTAINS(e.what(), "shut down");
      }
    });
  while (accepted < 100) std::this_thread::yield();
  EXPECT_EQ(shutdown(), "");
  const int then = ran;
  for (auto& p : producers) p.join();
  EXPECT_EQ(accepted, then);
}

TEST(Shutdown, NothingIsEnqueuedBehindIt) { race_shutdown(); }

TEST(Shutdown, NothingRunsBehindItInline) {
  setenv("TASK_QUEUE_ENABLE", "0", 1);
  race_shutdown();
}

TEST(Shutdown, TellsTheErrorThatNobodySaw) {
  start();
  LaunchQueue::of(0).enqueue("doomed", getCurrentNPUStream(),
                             [](aclrtStream) { TORCH_CHECK(false, "lost otherwise"); });
  EXPECT_CONTAINS(shutdown(), "lost otherwise");
}

TEST(Shutdown, WithoutAnyUseDoesNothing) {
  Fake& fake = start();
  EXPECT_EQ(shutdown(), "");
  EXPECT_EQ(fake.count("aclInit"), 0);
}

}  // namespace
