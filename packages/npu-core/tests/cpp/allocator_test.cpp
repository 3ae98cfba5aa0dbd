// SPDX-License-Identifier: BSD-3-Clause
// The device and host allocators against the fake CANN: what reaches it, and what its failures become.
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>

#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/NPUCachingHostAllocator.h"
#include "npu/core/NPUGuard.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;

constexpr size_t MiB = size_t{1} << 20;

c10::DeviceAllocator& allocator() { return *c10::getDeviceAllocator(c10::kPrivateUse1); }
const at::PrivateUse1HooksInterface& hooks() { return at::detail::getPrivateUse1Hooks(); }

TEST(Allocator, IsTheOneOfPrivateUse1AndTouchesNothingBeforeItsFirstUse) {
  Fake& fake = start();
  EXPECT_EQ(&allocator(), NPUCachingAllocator::get());
  EXPECT_FALSE(allocator().initialized());
  allocator().emptyCache();
  EXPECT_EQ(allocator().getDeviceStats(1).num_device_alloc, 0);
  EXPECT_FALSE(is_initialized());
  EXPECT_EQ(fake.count("aclrtMalloc"), 0);
}

TEST(Allocator, AsksCannForSegmentsAndServesBlocks) {
  Fake& fake = start();
  c10::DataPtr a = allocator().allocate(1000);
  c10::DataPtr b = allocator().allocate(1000);
  EXPECT_EQ(fake.seen("aclrtMalloc"), std::vector<std::string>{"aclrtMalloc 2097152"});
  EXPECT_EQ(static_cast<char*>(b.get()), static_cast<char*>(a.get()) + 1024);
  EXPECT_EQ(a.device(), c10::Device(c10::kPrivateUse1, 0));
}

TEST(Allocator, AllocatesOnTheCurrentDevice) {
  start();
  NPUGuard guard(1);
  c10::DataPtr a = allocator().allocate(10);
  EXPECT_EQ(a.device().index(), 1);
  EXPECT_EQ(hooks().getDeviceFromPtr(a.get()).index(), 1);
  EXPECT_EQ(allocator().getDeviceStats(0).allocation[0].current, 0);
  EXPECT_EQ(allocator().getDeviceStats(1).allocation[0].current, 1);
}

TEST(Allocator, ZeroBytesAreNoAllocation) {
  Fake& fake = start();
  c10::DataPtr none = allocator().allocate(0);
  EXPECT_EQ(none.get(), nullptr);
  EXPECT_TRUE(none.device().is_privateuseone());
  EXPECT_EQ(fake.count("aclrtMalloc"), 0);
}

TEST(Allocator, ReturnsTheCacheAndTriesAgainWhenCannIsOutOfMemory) {
  Fake& fake = start();
  allocator().allocate(10 * MiB).clear();
  fake.fail["aclrtMalloc"] = ACL_ERROR_RT_MEMORY_ALLOCATION;
  c10::DataPtr a = allocator().allocate(30 * MiB);
  EXPECT_NE(a.get(), nullptr);
  EXPECT_EQ(allocator().getDeviceStats(0).num_alloc_retries, 1);
}

TEST(Allocator, RaisesEveryOtherFailureOfCannByName) {
  Fake& fake = start();
  fake.fail["aclrtMalloc"] = ACL_ERROR_RT_PARAM_INVALID;
  std::string error = thrown<c10::AcceleratorError>([] { allocator().allocate(10); });
  EXPECT_CONTAINS(error, "aclrtMalloc failed");
  EXPECT_NE(allocator().allocate(10).get(), nullptr) << "one failure does not spoil the pool";
}

TEST(Allocator, KeepsABlockUntilTheOtherStreamsEventCompleted) {
  Fake& fake = start();
  NPUStream other = getStreamFromPool();
  c10::DataPtr a = allocator().allocate(1000);
  void* address = a.get();
  fake.events_complete = false;
  allocator().recordStream(a, other.unwrap());
  a.clear();
  EXPECT_NE(allocator().allocate(1000).get(), address);
  synchronize();
  fake.events_complete = true;
  EXPECT_EQ(allocator().allocate(1000).get(), address);
}

TEST(Allocator, IgnoresRecordStreamOfForeignMemory) {
  start();
  int foreign = 0;
  allocator().recordStream(c10::DataPtr(&foreign, c10::Device(c10::kPrivateUse1, 0)),
                           getStreamFromPool().unwrap());
  allocator().recordStream(allocator().allocate(0), getStreamFromPool().unwrap());
}

TEST(Allocator, KnowsItsAddressesInsideABlockAndNoOthers) {
  start();
  c10::DataPtr a = allocator().allocate(1000);
  EXPECT_EQ(hooks().getDeviceFromPtr(static_cast<char*>(a.get()) + 999).index(), 0);
  int foreign = 0;
  EXPECT_CONTAINS(thrown<c10::ValueError>([&] { hooks().getDeviceFromPtr(&foreign); }), "is not npu memory");
}

TEST(Allocator, FreesNothingAfterShutdown) {
  Fake& fake = start();
  c10::DataPtr device = allocator().allocate(1000);
  allocator().recordStream(device, getStreamFromPool().unwrap());
  c10::DataPtr pinned = getNPUCachingHostAllocator()->allocate(1000);
  shutdown();
  fake.clear();
  device.clear();
  pinned.clear();
  allocator().emptyCache();
  EXPECT_EQ(fake.calls, std::vector<std::string>{});
}

TEST(Allocator, RawMemoryIsFreedByAddressOnce) {
  start();
  void* p = NPUCachingAllocator::raw_alloc(100, getDefaultNPUStream());
  NPUCachingAllocator::raw_delete(p);
  EXPECT_CONTAINS(thrown<c10::ValueError>([&] { NPUCachingAllocator::raw_delete(p); }), "freed already");
  NPUCachingAllocator::raw_delete(nullptr);
}

TEST(HostAllocator, ItsMemoryIsPinnedUntilTheCacheIsEmptied) {
  start();
  at::HostAllocator* host = at::getHostAllocator(c10::kPrivateUse1);
  c10::DataPtr a = host->allocate(1000);
  auto* address = static_cast<char*>(a.get());
  EXPECT_TRUE(a.device().is_cpu());
  EXPECT_TRUE(hooks().isPinnedPtr(address + 999));
  EXPECT_FALSE(hooks().isPinnedPtr(address + 1024)) << "blocks are powers of two";
  a.clear();
  EXPECT_TRUE(hooks().isPinnedPtr(address)) << "cached";
  host->empty_cache();
  EXPECT_FALSE(hooks().isPinnedPtr(address));
}

TEST(HostAllocator, ABlockInUseByAStreamIsNotHandedOutAgain) {
  Fake& fake = start();
  at::HostAllocator* host = at::getHostAllocator(c10::kPrivateUse1);
  c10::DataPtr a = host->allocate(1000);
  void* address = a.get();
  fake.events_complete = false;
  EXPECT_TRUE(host->record_event(address, a.get_context(), getDefaultNPUStream().unwrap()));
  a.clear();
  EXPECT_NE(host->allocate(1000).get(), address);
  synchronize();
  fake.events_complete = true;
  EXPECT_EQ(host->allocate(1000).get(), address);
}

}  // namespace
