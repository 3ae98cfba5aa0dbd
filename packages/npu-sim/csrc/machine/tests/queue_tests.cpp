#include "npu_sim/queue.h"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "fixture.h"
#include "npu_sim/event.h"

namespace npu_sim {

using Queue = DeviceTest;

TEST_F(Queue, RunsTasksInTheOrderOfTheirEnqueueing) {
  auto stream = new_stream();
  std::vector<int> order;
  for (int i = 0; i < 20000; ++i)
    ASSERT_EQ(enqueue(*stream, "push",
                      [&order, i] {
                        order.push_back(i);
                        return 0;
                      }),
              0);
  ASSERT_EQ(stream->synchronize(-1), 0);
  ASSERT_EQ(order.size(), 20000u);
  for (int i = 0; i < 20000; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
}

TEST_F(Queue, TakesTasksFromManyThreads) {
  auto stream = new_stream();
  int sum = 0;  // only the worker touches it
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i)
        enqueue(*stream, "add", [&sum] {
          ++sum;
          return 0;
        });
    });
  for (auto& t : threads) t.join();
  ASSERT_EQ(stream->synchronize(-1), 0);
  EXPECT_EQ(sum, 20000);
}

TEST_F(Queue, AHostThatRunsTooFarAheadWaitsForRoom) {
  auto stream = new_stream();
  std::atomic<bool> open{false}, all_in{false};
  enqueue(
      *stream, "gate",
      [&] {
        while (!open) std::this_thread::yield();
        return 0;
      },
      Engine::host);
  std::thread host([&] {
    for (int i = 0; i < 10000; ++i) enqueue(*stream, "task", [] { return 0; });
    all_in = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(all_in);
  open = true;
  host.join();
  EXPECT_EQ(stream->synchronize(-1), 0);
}

TEST_F(Queue, ATasksErrorIsReportedOnceByTheNextSynchronisation) {
  auto stream = new_stream();
  enqueue(*stream, "aclnnBad", [] { return fail(ACLNN_ERR_PARAM_INVALID, "shapes differ"); });
  EXPECT_EQ(stream->synchronize(-1), ACLNN_ERR_PARAM_INVALID);
  std::string message = take_error_message();
  EXPECT_NE(message.find("aclnnBad"), std::string::npos) << message;
  EXPECT_NE(message.find("shapes differ"), std::string::npos) << message;
  EXPECT_EQ(stream->synchronize(-1), 0);
}

TEST_F(Queue, AfterAnErrorLaterTasksRunUnlessTheStreamStopsOnFailure) {
  auto stream = new_stream(), stopping = new_stream();
  stopping->stop_on_failure();
  std::atomic<int> ran{0};
  for (auto& s : {stream, stopping}) {
    std::atomic<bool> open{false};
    enqueue(
        *s, "gate",
        [&] {
          while (!open) std::this_thread::yield();
          return 0;
        },
        Engine::host);
    enqueue(*s, "bad", [] { return 1; });
    enqueue(*s, "later", [&] {
      ++ran;
      return 0;
    });
    open = true;
    EXPECT_EQ(s->synchronize(-1), 1);
  }
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(enqueue(*stopping, "refused", [] { return 0; }), 1);
  EXPECT_EQ(enqueue(*stream, "taken", [] { return 0; }), 0);
}

TEST_F(Queue, ADeviceFaultStaysUntilCleared) {
  auto stream = new_stream(), other = new_stream();
  enqueue(*stream, "aclnnThrows", []() -> int { throw std::runtime_error("index 7 is out of range"); });
  EXPECT_EQ(stream->synchronize(-1), ACL_ERROR_RT_AICORE_EXCEPTION);
  EXPECT_NE(take_error_message().find("index 7"), std::string::npos);
  bool ran = false;
  enqueue(*other, "after", [&] {
    ran = true;
    return 0;
  });
  EXPECT_EQ(other->synchronize(-1), ACL_ERROR_RT_AICORE_EXCEPTION);
  EXPECT_EQ(device->synchronize(-1), ACL_ERROR_RT_AICORE_EXCEPTION);
  EXPECT_FALSE(ran);
  for (auto& s : device->streams()) s->resume();
  device->clear_fault();
  EXPECT_EQ(device->synchronize(-1), 0);
}

TEST_F(Queue, WaitsNoLongerThanTheTimeout) {
  auto stream = new_stream();
  std::atomic<bool> open{false};
  enqueue(
      *stream, "gate",
      [&] {
        while (!open) std::this_thread::yield();
        return 0;
      },
      Engine::host);
  EXPECT_EQ(stream->synchronize(20), ACL_ERROR_RT_STREAM_SYNC_TIMEOUT);
  EXPECT_EQ(device->synchronize(20), ACL_ERROR_RT_STREAM_SYNC_TIMEOUT);
  open = true;
  EXPECT_EQ(stream->synchronize(-1), 0);
}

TEST_F(Queue, AbortDiscardsWhatIsQueuedAndCancelsAWait) {
  auto stream = new_stream(), never = new_stream();
  std::atomic<bool> open{false};
  bool ran = false;
  enqueue(
      *never, "gate",
      [&] {
        while (!open) std::this_thread::yield();
        return 0;
      },
      Engine::host);
  auto event = std::make_shared<Event>(1, true);
  ASSERT_EQ(event->record(*never), 0);
  ASSERT_EQ(Event::make_wait(event, *stream, -1), 0);
  enqueue(*stream, "discarded", [&] {
    ran = true;
    return 0;
  });
  stream->abort(ACL_ERROR_RT_STREAM_ABORT);
  EXPECT_TRUE(stream->wait(stream->submitted(), deadline_after(5000)));
  stream->resume();
  EXPECT_FALSE(ran);
  open = true;
  EXPECT_EQ(never->synchronize(-1), 0);
}

TEST_F(Queue, ASynchronisationThatAnAbortCutsShortSaysSo) {
  auto stream = new_stream();
  std::atomic<bool> open{false};
  enqueue(
      *stream, "gate",
      [&] {
        while (!open) std::this_thread::yield();
        return 0;
      },
      Engine::host);
  std::thread aborter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    stream->abort(ACL_ERROR_RT_STREAM_ABORT);
    open = true;
  });
  EXPECT_EQ(stream->synchronize(-1), ACL_ERROR_RT_STREAM_ABORT);
  aborter.join();
  stream->resume();
  EXPECT_EQ(stream->synchronize(-1), 0);
}

TEST_F(Queue, ACallbackThatWaitsForItsOwnStreamIsRefused) {
  auto stream = new_stream();
  int code = 0;
  enqueue(
      *stream, "callback",
      [&] {
        code = stream->synchronize(-1);
        return 0;
      },
      Engine::host);
  EXPECT_EQ(stream->synchronize(-1), 0);
  EXPECT_EQ(code, ACL_ERROR_RT_STREAM_NOT_SUPPORT_OPERA);
}

TEST_F(Queue, AStreamOfAnotherContextIsRefused) {
  std::shared_ptr<Stream> found;
  auto stream = new_stream();
  EXPECT_EQ(stream_of(stream->handle, &found), 0);
  auto other = Context::create(*device);
  set_current_context(other);
  EXPECT_EQ(stream_of(stream->handle, &found), ACL_ERROR_RT_STREAM_CONTEXT);
  EXPECT_EQ(stream_of(nullptr, &found), 0);
  EXPECT_EQ(found, other->default_stream());
  other->destroy();
  EXPECT_EQ(stream_of(nullptr, &found), ACL_ERROR_RT_CONTEXT_NULL);
}

TEST_F(Queue, ADestroyedContextEndsItsStreamsAfterTheirWork) {
  auto other = Context::create(*device);
  auto stream = other->create_stream(0, 0, nullptr);
  int ran = 0;
  for (int i = 0; i < 100; ++i)
    enqueue(*stream, "count", [&] {
      ++ran;
      return 0;
    });
  other->destroy();
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(enqueue(*stream, "late", [] { return 0; }), ACL_ERROR_RT_INVALID_HANDLE);
  EXPECT_EQ(streams().find(stream->handle), nullptr);
}

TEST_F(Queue, AnOperatorThatRanTooLongIsAFaultOfTheDevice) {
  auto stream = new_stream();
  auto nap = [] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return 0;
  };
  const int64_t before = op_execute_timeout_us.exchange(10000);
  enqueue(*stream, "a host function may", nap, Engine::host);
  EXPECT_EQ(stream->synchronize(-1), 0);
  enqueue(*stream, "slow", nap);
  EXPECT_EQ(stream->synchronize(-1), ACL_ERROR_RT_AICORE_TIMEOUT);
  EXPECT_NE(take_error_message().find("slow failed"), std::string::npos);
  op_execute_timeout_us.store(before);
}

}  // namespace npu_sim
