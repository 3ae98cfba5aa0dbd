#include "npu_sim/event.h"

#include <atomic>
#include <thread>

#include "fixture.h"

namespace npu_sim {

using Events = DeviceTest;

TEST_F(Events, AWaitOrdersTwoStreams) {
  auto producer = new_stream(), consumer = new_stream();
  int value = 0, seen = 0, wrong = 0;  // ordered by the events alone: a race here is a bug of theirs
  for (int i = 1; i <= 500; ++i) {
    auto made = std::make_shared<Event>(1, true), read = std::make_shared<Event>(1, true);
    enqueue(*producer, "make", [&value, i] {
      value = i;
      return 0;
    });
    made->record(*producer);
    Event::make_wait(made, *consumer, -1);
    enqueue(*consumer, "read", [&, i] {
      seen = value;
      wrong += seen != i;
      return 0;
    });
    read->record(*consumer);
    Event::make_wait(read, *producer, -1);
  }
  EXPECT_EQ(producer->synchronize(-1), 0);
  EXPECT_EQ(consumer->synchronize(-1), 0);
  EXPECT_EQ(seen, 500);
  EXPECT_EQ(wrong, 0);
}

TEST_F(Events, AWaitKeepsTheRecordItFound) {
  auto first = new_stream(), blocked = new_stream(), waiter = new_stream();
  std::atomic<bool> open{false};
  auto event = std::make_shared<Event>(1, true);
  event->record(*first);
  Event::make_wait(event, *waiter, -1);
  enqueue(
      *blocked, "gate",
      [&] {
        while (!open) std::this_thread::yield();
        return 0;
      },
      Engine::host);
  event->record(*blocked);
  EXPECT_EQ(waiter->synchronize(5000), 0);
  EXPECT_FALSE(event->latest()->reached());
  open = true;
  EXPECT_EQ(event->synchronize(-1), 0);
}

TEST_F(Events, AWaitThatLastsTooLongFailsItsStream) {
  auto blocked = new_stream(), waiter = new_stream();
  std::atomic<bool> open{false};
  auto event = std::make_shared<Event>(1, true);
  enqueue(
      *blocked, "gate",
      [&] {
        while (!open) std::this_thread::yield();
        return 0;
      },
      Engine::host);
  event->record(*blocked);
  EXPECT_EQ(event->synchronize(10), ACL_ERROR_RT_EVENT_SYNC_TIMEOUT);
  Event::make_wait(event, *waiter, 10);
  EXPECT_EQ(waiter->synchronize(-1), ACL_ERROR_RT_EVENT_SYNC_TIMEOUT);
  open = true;
  EXPECT_EQ(blocked->synchronize(-1), 0);
}

TEST_F(Events, RecordsAreReachedThoughTheDeviceFaulted) {
  auto stream = new_stream();
  auto event = std::make_shared<Event>(1, true);
  enqueue(*stream, "bad", [] { return ACL_ERROR_RT_AICORE_EXCEPTION; });
  event->record(*stream);
  EXPECT_EQ(event->synchronize(5000), ACL_ERROR_RT_AICORE_EXCEPTION);
}

}  // namespace npu_sim
