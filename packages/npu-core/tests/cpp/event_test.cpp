// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/NPUEvent.h"

#include <ATen/core/CachingHostAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include <thread>

#include "npu/core/launch_queue.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;

// Holds a device's launch thread while it lives.
struct Held {
  explicit Held(DeviceIndex device) : queue(LaunchQueue::of(device)) {
    queue.enqueue("hold", getDefaultNPUStream(device), [p = &open](aclrtStream) {
      while (!*p) std::this_thread::yield();
    });
  }
  ~Held() { release(); }
  void release() {
    open = true;
    queue.flush();
  }
  LaunchQueue& queue;
  std::atomic<bool> open{false};
};

TEST(Event, NeverRecordedIsCompleteAndHoldsNobody) {
  Fake& fake = start();
  NPUEvent event;
  EXPECT_TRUE(event.query());
  event.synchronize();
  event.block(getCurrentNPUStream());
  EXPECT_EQ(event.device_index(), -1);
  EXPECT_EQ(fake.count("aclrtCreateEvent"), 0);
}

TEST(Event, IsNotCompleteBeforeItsRecordWasLaunched) {
  start();
  Held held(0);
  NPUEvent event;
  event.record();
  EXPECT_FALSE(event.query());
  held.release();
  EXPECT_TRUE(event.query());
}

TEST(Event, IsNotCompleteBeforeTheDeviceReachedIt) {
  Fake& fake = start();
  NPUEvent event;
  event.record();
  LaunchQueue::of(0).flush();
  fake.events_complete = false;
  EXPECT_FALSE(event.query());
  fake.events_complete = true;
  EXPECT_TRUE(event.query());
}

TEST(Event, AWaitFollowsItsRecordOnTheSameDevice) {
  Fake& fake = start();
  NPUEvent event;
  event.record(getDefaultNPUStream());
  event.block(getStreamFromPool());
  LaunchQueue::of(0).flush();
  ASSERT_EQ(fake.count("aclrtRecordEvent"), 1);
  ASSERT_EQ(fake.count("aclrtStreamWaitEvent"), 1);
}

TEST(Event, AWaitOnAnotherDeviceWaitsForTheRecordToBeLaunched) {
  Fake& fake = start();
  Held held(0);
  NPUEvent event;
  event.record(getDefaultNPUStream(0));
  event.block(getDefaultNPUStream(1));
  LaunchQueue& other = LaunchQueue::of(1);
  EXPECT_FALSE(other.flush_for(50));  // the record is behind the gate of npu:0
  EXPECT_EQ(fake.count("aclrtStreamWaitEvent"), 0);
  held.release();
  EXPECT_TRUE(other.flush_for(10000));
  std::vector<std::string> order;
  for (const std::string& call : fake.seen(""))
    if (call.rfind("aclrtRecordEvent", 0) == 0 || call.rfind("aclrtStreamWaitEvent", 0) == 0)
      order.push_back(call.substr(0, call.find(' ')));
  EXPECT_EQ(order, (std::vector<std::string>{"aclrtRecordEvent", "aclrtStreamWaitEvent"}));
}

TEST(Event, DevicesThatWaitForEachOtherInTurnDoNotDeadlock) {
  start();
  NPUEvent there, back;
  const NPUStream a = getDefaultNPUStream(0), b = getDefaultNPUStream(1);
  for (int i = 0; i < 500; ++i) {
    there.record(a);
    there.block(b);
    back.record(b);
    back.block(a);
  }
  EXPECT_TRUE(LaunchQueue::of(0).flush_for(20000));
  EXPECT_TRUE(LaunchQueue::of(1).flush_for(20000));
}

TEST(Event, SynchroniseWaitsForTheRecordAndRaisesEarlierErrors) {
  Fake& fake = start();
  LaunchQueue::of(0).enqueue("fail", getDefaultNPUStream(),
                             [](aclrtStream) { TORCH_CHECK(false, "before the event"); });
  NPUEvent event;
  event.record();
  EXPECT_CONTAINS(thrown<c10::Error>([&] { event.synchronize(); }), "before the event");
  EXPECT_EQ(fake.count("aclrtSynchronizeEvent"), 1);
}

TEST(Event, QueuedWorkKeepsItAliveAfterItsOwnerIsGone) {
  Fake& fake = start();
  {
    Held held(0);
    {
      NPUEvent event;
      event.record();
      event.block(getStreamFromPool());
    }
    EXPECT_EQ(fake.count("aclrtCreateEvent"), 0);
  }
  EXPECT_EQ(fake.count("aclrtRecordEvent"), 1);
  EXPECT_EQ(fake.count("aclrtStreamWaitEvent"), 1);
}

TEST(Event, TheNativeEventIsUsedAgain) {
  Fake& fake = start();
  for (int i = 0; i < 10; ++i) {
    NPUEvent event;
    event.record();
    event.synchronize();
  }
  EXPECT_EQ(fake.count("aclrtCreateEventExWithFlag"), 1);
}

TEST(Event, ElapsedTimeNeedsTimingRecordsAndCompletion) {
  Fake& fake = start();
  NPUEvent untimed, start_event(true), end_event(true);
  EXPECT_CONTAINS(thrown<c10::ValueError>([&] { untimed.elapsed_time(end_event); }), "enable_timing=True");
  EXPECT_CONTAINS(thrown<c10::ValueError>([&] { start_event.elapsed_time(end_event); }), "must be recorded");
  start_event.record();
  end_event.record();
  end_event.synchronize();
  fake.events_complete = false;
  EXPECT_CONTAINS(thrown<c10::ValueError>([&] { start_event.elapsed_time(end_event); }), "must be completed");
  fake.events_complete = true;
  EXPECT_FLOAT_EQ(start_event.elapsed_time(end_event), 1.5);
}

// A record that fails in `call`.
void lose(const char* call) {
  Fake& fake = start();
  NPUEvent event(true), end(true);
  EXPECT_FALSE(event.lost());
  fake.fail[call] = 207005;
  event.record();
  LaunchQueue::of(0).flush();
  EXPECT_TRUE(event.lost());
  EXPECT_CONTAINS(thrown<c10::AcceleratorError>([] { synchronize(); }), call);
  end.record();
  end.synchronize();
  EXPECT_CONTAINS(thrown<c10::ValueError>([&] { event.elapsed_time(end); }), "its record failed");
  event.record();
  event.synchronize();
  EXPECT_FALSE(event.lost());
  EXPECT_FLOAT_EQ(event.elapsed_time(end), 1.5);
}

TEST(Event, OneThatCouldNotBeCreatedIsLostUntilItIsRecordedAgain) { lose("aclrtCreateEventExWithFlag"); }

TEST(Event, OneThatCouldNotBeRecordedIsLostUntilItIsRecordedAgain) { lose("aclrtRecordEvent"); }

TEST(Event, MemoryWhoseEventWasLostIsUsedAgainOnlyAfterTheDeviceIsDone) {
  Fake& fake = start();
  fake.events_complete = false;
  NPUStream other = getStreamFromPool();
  c10::DeviceAllocator& pool = *c10::getDeviceAllocator(c10::kPrivateUse1);
  at::HostAllocator& host = *at::getHostAllocator(c10::kPrivateUse1);
  c10::DataPtr block = pool.allocate(1000), pinned = host.allocate(1000);
  void *device_address = block.get(), *host_address = pinned.get();
  pool.recordStream(block, other.unwrap());
  ASSERT_TRUE(host.record_event(host_address, pinned.get_context(), other.unwrap()));
  for (c10::DataPtr* p : {&block, &pinned}) {
    fake.fail["aclrtRecordEvent"] = 207005;
    p->clear();
    LaunchQueue::of(0).flush();
  }
  EXPECT_NE(pool.allocate(1000).get(), device_address);
  EXPECT_EQ(fake.count("aclrtSynchronizeDevice"), 0);
  fake.fail["aclrtSynchronizeDevice"] = 507015;
  EXPECT_NE(host.allocate(1000).get(), host_address) << "the device is not done";
  EXPECT_EQ(host.allocate(1000).get(), host_address);
  EXPECT_EQ(fake.count("aclrtSynchronizeDevice"), 2);
}

TEST(Event, RecordingOnAnotherDeviceIsRefused) {
  start();
  NPUEvent event;
  event.record(getDefaultNPUStream(0));
  EXPECT_CONTAINS(thrown<c10::Error>([&] { event.record(getDefaultNPUStream(1)); }), "does not match");
}

TEST(Stream, PoolsGoRoundAndStreamsAreCreatedWhenUsed) {
  Fake& fake = start();
  const NPUStream first = getStreamFromPool();
  for (int i = 1; i < kStreamsPerPool; ++i) EXPECT_NE(getStreamFromPool(), first);
  EXPECT_EQ(getStreamFromPool(), first);
  EXPECT_EQ(fake.count("aclrtCreateStream"), 0);
  first.handle();
  first.handle();
  EXPECT_EQ(fake.count("aclrtCreateStream"), 1);
  EXPECT_EQ(getStreamFromPool(true).priority(), -1);
  EXPECT_EQ(first.priority(), 0);
}

TEST(Stream, TheCurrentOneIsAThreadsAndADevicesOwn) {
  start();
  const NPUStream mine = getStreamFromPool(false, 1);
  setCurrentNPUStream(mine);
  EXPECT_EQ(getCurrentNPUStream(1), mine);
  EXPECT_EQ(getCurrentNPUStream(0), getDefaultNPUStream(0));
  EXPECT_EQ(current_device(), 0);
  std::thread([] { EXPECT_EQ(getCurrentNPUStream(1), getDefaultNPUStream(1)); }).join();
}

TEST(Stream, QueryDoesNotWaitForTheQueue) {
  start();
  const NPUStream stream = getDefaultNPUStream();
  EXPECT_TRUE(stream.query());
  Held held(0);
  EXPECT_FALSE(stream.query());
  held.release();
  EXPECT_TRUE(stream.query());
}

TEST(Stream, TakingTheNativeStreamFlushesWhatCameBefore) {
  start();
  int ran = 0;
  const NPUStream stream = getStreamFromPool();
  LaunchQueue::of(0).enqueue("count", stream, [p = &ran](aclrtStream) { *p = 1; });
  stream.stream();
  EXPECT_EQ(ran, 1);
}

TEST(Stream, AForeignOneIsUsedUnderItsOwnHandle) {
  start();
  auto* native = reinterpret_cast<aclrtStream>(uintptr_t{0xabc000});
  const NPUStream stream = getStreamFromExternal(native, 0);
  EXPECT_EQ(stream.handle(), native);
  setCurrentNPUStream(stream);
  aclrtStream seen = nullptr;
  LaunchQueue::of(0).enqueue("look", getCurrentNPUStream(), [p = &seen](aclrtStream s) { *p = s; });
  synchronize();
  EXPECT_EQ(seen, native);
}

TEST(Stream, AnUnknownIdIsRefused) {
  start();
  const NPUStream made_up = NPUStream::unpack3(999999, 0, c10::kPrivateUse1);
  EXPECT_CONTAINS(thrown<c10::ValueError>([&] { setCurrentNPUStream(made_up); }), "no stream with id 999999");
}

}  // namespace
