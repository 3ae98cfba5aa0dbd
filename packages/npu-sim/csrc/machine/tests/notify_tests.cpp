#include "npu_sim/notify.h"

#include "fixture.h"

namespace npu_sim {

using Notifies = DeviceTest;

TEST_F(Notifies, EachRecordLetsOneWaitPass) {
  auto producer = new_stream(), consumer = new_stream();
  auto filled = std::make_shared<Notify>(), emptied = std::make_shared<Notify>();
  int box = 0, sum = 0;  // ordered by the notifies alone
  for (int i = 1; i <= 300; ++i) {
    enqueue(*producer, "fill", [&box, i] {
      box = i;
      return 0;
    });
    Notify::record(filled, *producer);
    Notify::wait_and_reset(filled, *consumer, -1);
    enqueue(*consumer, "empty", [&] {
      sum += box;
      return 0;
    });
    Notify::record(emptied, *consumer);
    Notify::wait_and_reset(emptied, *producer, -1);
  }
  EXPECT_EQ(producer->synchronize(-1), 0);
  EXPECT_EQ(consumer->synchronize(-1), 0);
  EXPECT_EQ(sum, 300 * 301 / 2);
}

TEST_F(Notifies, AWaitThatLastsTooLongFailsItsStream) {
  auto stream = new_stream();
  Notify::wait_and_reset(std::make_shared<Notify>(), *stream, 10);
  EXPECT_EQ(stream->synchronize(-1), ACL_ERROR_RT_EVENT_SYNC_TIMEOUT);
}

}  // namespace npu_sim
