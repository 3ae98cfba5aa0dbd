#include "npu_sim/report.h"

#include <pthread.h>

#include <atomic>
#include <thread>

#include "fixture.h"

namespace npu_sim {

using Reports = DeviceTest;

TEST_F(Reports, ABlockingCallbackHoldsItsStreamUntilTheSubscriberRanIt) {
  auto stream = new_stream();
  std::atomic<bool> done{false};
  std::atomic<int> state{0};
  std::atomic<uint64_t> id{0};
  std::thread subscriber([&] {
    id = static_cast<uint64_t>(pthread_self());
    while (!done) process_report(10);
  });
  while (!id) std::this_thread::yield();
  ASSERT_EQ(subscribe(id, stream), 0);
  int seen = 0;
  auto callback = [](void* p) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    *static_cast<std::atomic<int>*>(p) = 1;
  };
  ASSERT_EQ(launch_callback(*stream, callback, &state, true), 0);
  enqueue(*stream, "after", [&] {
    seen = state;
    return 0;
  });
  EXPECT_EQ(stream->synchronize(-1), 0);
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(unsubscribe(id, stream), 0);
  done = true;
  subscriber.join();
}

TEST_F(Reports, RefusesStreamsAndThreadsThatAreNotSubscribed) {
  auto stream = new_stream();
  uint64_t me = static_cast<uint64_t>(pthread_self());
  EXPECT_EQ(launch_callback(
                *stream, [](void*) {}, nullptr, false),
            ACL_ERROR_RT_STREAM_NO_CB_REG);
  EXPECT_EQ(process_report(0), ACL_ERROR_RT_THREAD_SUBSCRIBE);
  EXPECT_EQ(unsubscribe(me, stream), ACL_ERROR_RT_THREAD_SUBSCRIBE);
  ASSERT_EQ(subscribe(me, stream), 0);
  EXPECT_EQ(subscribe(me, stream), ACL_ERROR_RT_STREAM_SUBSCRIBE);
  EXPECT_EQ(process_report(1), ACL_ERROR_RT_REPORT_TIMEOUT);
  EXPECT_EQ(unsubscribe(me, stream), 0);
}

}  // namespace npu_sim
