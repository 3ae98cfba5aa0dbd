// SPDX-License-Identifier: BSD-3-Clause
// The table's slots, through the sugar that plugins use.
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include "npu/core/host_memory.h"
#include "npu/core/launch_queue.h"
#include "operators.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;

NPU_PLUGIN(0)
Fake& begin(const std::string& fake = "fake") {
  Fake& f = start(fake);
  EXPECT_EQ(npu_plugin_init(core_table()), nullptr);
  return f;
}

TEST(Handshake, AnotherMajorIsRefused) {
  npu_core_table t = *core_table();
  t.major = 2;
  EXPECT_CONTAINS(npu_plugin_init(&t), "another major");
}

TEST(Handshake, AnOlderMinorIsRefused) {
  void* library = dlopen((folder("libnewer_plugin.so")).c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  auto init = reinterpret_cast<npu_plugin_init_t>(dlsym(library, "npu_plugin_init"));
  EXPECT_CONTAINS(init(core_table()), "older than this plugin needs");
}

TEST(Handshake, ATableThatIsTooSmallIsRefused) {
  npu_core_table t = *core_table();
  t.struct_size = sizeof t - 8;  // without its last slot
  EXPECT_CONTAINS(npu_plugin_init(&t), "smaller than this plugin was built for");
  t = *core_table();
  t.slot_count = NPU_CORE_SLOT_COUNT - 1;
  EXPECT_CONTAINS(npu_plugin_init(&t), "smaller than this plugin was built for");
}

TEST(Launch, HandsTheArgumentsToCann) {
  Fake& fake = begin();
  launch<aclnnAdd>(tensor({2, 3}, 0x1000), tensor({3}, 0x2000), c10::Scalar(0.5), tensor({2, 3}, 0x3000));
  synchronize();
  const auto first = fake.seen("aclnnAddGetWorkspaceSize");
  ASSERT_EQ(first.size(), 1u);
  // dtype/format[sizes](strides)+offset/storage
  EXPECT_CONTAINS(first[0], "0/2[2,3,](3,1,)+0/6 0/2[3,](1,)+0/3 0.500000 0/2[2,3,](3,1,)+0/6");
  const auto second = fake.seen("aclnnAdd ");
  ASSERT_EQ(second.size(), 1u);
  EXPECT_CONTAINS(second[0], "4096 8192 -> 12288 on ");
}

TEST(Launch, TheFormatFollowsTheRank) {
  Fake& fake = begin();
  for (std::vector<int64_t> sizes :
       {std::vector<int64_t>{}, {1}, {1, 1}, {1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1, 1}})
    launch<aclnnAdd>(tensor(sizes), tensor({}), c10::Scalar(1), tensor({}));
  synchronize();
  std::string formats;
  for (const std::string& call : fake.seen("aclnnAddGetWorkspaceSize")) {
    const auto slash = call.find('/');
    formats += call.substr(slash + 1, call.find('[') - slash - 1) + " ";
  }
  EXPECT_EQ(formats, "2 2 2 47 0 30 ");  // ND ND ND NCL NCHW NCDHW
}

TEST(Launch, AViewIsDescribedByItsStorage) {
  Fake& fake = begin();
  at::Tensor base = tensor({4, 6}, 0x1000);
  auto view = base.unsafeGetTensorImpl()->shallow_copy_and_detach(c10::VariableVersion(0), false);
  view->set_sizes_and_strides(std::vector<int64_t>{2, 3}, std::vector<int64_t>{6, 2}, 7);
  launch<aclnnAdd>(at::Tensor(std::move(view)), base, c10::Scalar(1), base);
  synchronize();
  EXPECT_CONTAINS(fake.seen("aclnnAddGetWorkspaceSize")[0], "aclnnAddGetWorkspaceSize 0/2[2,3,](6,2,)+7/24 ");
  EXPECT_CONTAINS(fake.seen("aclnnAdd ")[0], "4096 4096 -> 4096");
}

TEST(Launch, EveryKindOfArgumentArrives) {
  Fake& fake = begin();
  const std::vector<at::Tensor> list{tensor({1}, 0x10), tensor({2}, 0x20), tensor({3}, 0x30)};
  const std::vector<int64_t> ints{7, -8};
  const float floats[] = {0.5f};
  const bool bools[] = {true, false, true};
  launch<aclnnMany>(list, std::optional<at::Tensor>(), ints, c10::ArrayRef<float>(floats),
                    c10::ArrayRef<bool>(bools), 1.25, 2.5, true, std::string_view("sum"), tensor({2}, 0x40));
  synchronize();
  EXPECT_CONTAINS(fake.seen("aclnnManyGetWorkspaceSize")[0],
                  "3 null 7,-8,0.500000,T,F,T, 1.250000 2.500000 true sum");
  EXPECT_CONTAINS(fake.seen("aclnnMany ")[0], "16 32 48 -> 64");
}

// A launch with a list of three tensors, one of whose objects CANN refuses to make.
void refuse_list(const char* symbol) {
  Fake& fake = begin();
  fake.fail[symbol] = 1;
  const std::vector<at::Tensor> list{tensor({2}, 0x10), tensor({2}, 0x20), tensor({2}, 0x30)};
  launch<aclnnMany>(list, std::optional<at::Tensor>(), std::vector<int64_t>{7}, c10::ArrayRef<float>(),
                    c10::ArrayRef<bool>(), 1.0, 2.0, true, std::string_view("sum"), tensor({2}, 0x40));
  EXPECT_CONTAINS(thrown<c10::Error>([] { synchronize(); }), std::string(symbol) + " failed");
  EXPECT_EQ(fake.count("aclnnMany"), 0);
  EXPECT_EQ(fake.tensors, 0);
}

TEST(Launch, AnElementThatCannBalksAtIsNamedAndNotPassedOn) { refuse_list("aclCreateTensor"); }

TEST(Launch, TheElementsOfAListThatCannBalksAtAreDestroyed) { refuse_list("aclCreateTensorList"); }

TEST(Launch, ArgumentsAreCopiedBeforeItReturns) {
  Fake& fake = begin();
  {
    at::Tensor a = tensor({2}, 0x1000), b = tensor({2}, 0x2000);
    launch<aclnnAdd>(a, b, c10::Scalar(3), b);
  }
  synchronize();
  EXPECT_CONTAINS(fake.seen("aclnnAdd ")[0], "4096 8192 -> 8192");
}

TEST(Launch, ATensorOnTheCpuIsRefusedAtOnceByOperatorAndArgument) {
  Fake& fake = begin();
  const at::Tensor cpu = tensor({2}, 0x1000, 0, c10::kFloat, c10::kCPU);
  const std::string message =
      thrown<c10::Error>([&] { launch<aclnnAdd>(tensor({2}), cpu, c10::Scalar(1), tensor({2})); });
  EXPECT_CONTAINS(message,
                  "Expected all tensors to be on the same device, but argument 1 of aclnnAdd is on cpu");
  synchronize();
  EXPECT_EQ(fake.count("aclnnAdd"), 0);
}

TEST(Launch, ATensorOnAnotherDeviceIsRefused) {
  begin();
  EXPECT_CONTAINS(thrown<c10::Error>([&] { launch<aclnnInplace>(tensor({2}, 0x1000, 1)); }),
                  "the current device is npu:0");
}

TEST(Launch, AnOperatorThatCannLacksIsRefusedAtOnce) {
  begin();
  EXPECT_FALSE(core().has_operator("aclnnHalf"));
  EXPECT_TRUE(core().has_operator("aclnnAdd"));
  const std::string message = thrown<c10::NotImplementedError>([] { launch<aclnnHalf>(); });
  EXPECT_CONTAINS(message, "aclnnHalf is not in this CANN (version 8.5.fake)");
  EXPECT_CONTAINS(message, "libopapi.so");
}

TEST(Launch, ARefusalByTheFirstPhaseNamesOperatorShapesAndReason) {
  Fake& fake = begin();
  fake.fail["aclnnAddGetWorkspaceSize"] = ACLNN_ERR_PARAM_INVALID;
  fake.message = "shapes [2,3] and [4] do not broadcast";
  launch<aclnnAdd>(tensor({2, 3}), tensor({4}), c10::Scalar(1), tensor({2, 3}));
  const std::string message = thrown<c10::Error>([] { NPU_CALL(core().synchronize()); });
  EXPECT_CONTAINS(message, "aclnnAddGetWorkspaceSize failed: ACLNN_ERR_PARAM_INVALID (161002): shapes [2,3]");
  EXPECT_CONTAINS(message,
                  "operation: aclnnAdd(float32[2, 3], float32[4], 1, float32[2, 3]) on npu:0, stream 0");
}

TEST(Launch, ATroubleOfTheSecondPhaseIsTheDevices) {
  Fake& fake = begin();
  fake.fail["aclnnAdd"] = 507015;
  launch<aclnnAdd>(tensor({2}), tensor({2}), c10::Scalar(1), tensor({2}));
  EXPECT_CONTAINS(thrown<c10::AcceleratorError>([] { NPU_CALL(core().synchronize()); }), "(507015)");
}

TEST(Launch, WorkspaceGrowsAndIsGivenBackOnRequest) {
  Fake& fake = begin();
  fake.workspace = 1000;
  for (int i = 0; i < 3; ++i) launch<aclnnInplace>(tensor({2}));
  synchronize();
  EXPECT_EQ(fake.count("aclrtMalloc "), 1);
  fake.workspace = 5 << 20;
  launch<aclnnRefuses>(tensor({3}), tensor({3}));
  synchronize();
  EXPECT_EQ(fake.count("aclrtMalloc "), 2);
  EXPECT_EQ(fake.count("aclrtFree"), 1);
  EXPECT_EQ(LaunchQueue::of(0).release_workspaces(), size_t{6} << 20);
  EXPECT_EQ(fake.count("aclrtFree"), 2);
}

TEST(Launch, WithoutMemoryForAWorkspaceTheReclaimHookIsTried) {
  Fake& fake = begin();
  static int asked = 0;
  set_reclaim_hook([](DeviceIndex device) noexcept {
    ++asked;
    return device == 0;
  });
  fake.workspace = 100;
  fake.fail["aclrtMalloc"] = ACL_ERROR_RT_MEMORY_ALLOCATION;
  launch<aclnnInplace>(tensor({2}));
  synchronize();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(fake.count("aclnnInplace "), 1);
  set_reclaim_hook(nullptr);
  fake.workspace = 8 << 20;
  fake.fail["aclrtMalloc"] = ACL_ERROR_RT_MEMORY_ALLOCATION;
  launch<aclnnInplace>(tensor({3}));
  EXPECT_CONTAINS(thrown<c10::OutOfMemoryError>([] { NPU_CALL(core().synchronize()); }),
                  "workspace on npu:0");
}

TEST(LaunchShaped, AnswersTheShapeThatTheOperatorFound) {
  begin();
  EXPECT_EQ((launch_shaped<aclnnFind>(1, tensor({4, 4}), tensor({16, 2}))), (std::vector<int64_t>{3, 2}));
}

TEST(LaunchShaped, RaisesItsOwnErrorAtOnce) {
  Fake& fake = begin();
  fake.fail["aclnnFindGetWorkspaceSize"] = ACLNN_ERR_PARAM_INVALID;
  const std::string message = thrown<c10::Error>([] {
    launch_shaped<aclnnFind>(1, tensor({4, 4}), tensor({16, 2}));
  });
  EXPECT_CONTAINS(message, "aclnnFind(float32[4, 4], float32[16, 2]) on npu:0");
  synchronize();
}

TEST(LaunchShaped, WithoutMemoryForAWorkspaceItsExecutorIsDestroyed) {
  Fake& fake = begin();
  fake.workspace = 1000;
  fake.fail["aclrtMalloc"] = ACL_ERROR_RT_MEMORY_ALLOCATION;
  EXPECT_CONTAINS(thrown<c10::OutOfMemoryError>([] {
                    launch_shaped<aclnnFind>(1, tensor({4, 4}), tensor({16, 2}));
                  }),
                  "of workspace on npu:0");
  EXPECT_EQ(fake.executors, 0);
}

TEST(Enqueue, ATaskRunsInOrderAndItsFailureIsRaisedLater) {
  begin();
  static int seen = 0;
  const int payload = 42;
  npu_task read = [](void* p, aclrtStream, const char**) {
    seen = *static_cast<int*>(p);
    return NPU_OK;
  };
  NPU_CALL(core().enqueue("read", read, &payload, sizeof payload));
  npu_task fail = [](void*, aclrtStream, const char** message) {
    *message = "the link is down";
    return NPU_DEVICE_ERROR;
  };
  NPU_CALL(core().enqueue("all_reduce", fail, nullptr, 0));
  EXPECT_CONTAINS(thrown<c10::AcceleratorError>([] { NPU_CALL(core().synchronize()); }),
                  "all_reduce failed: the link is down");
  EXPECT_EQ(seen, 42);
}

TEST(Copy, PageableMemoryIsCopiedBeforeItReturns) {
  Fake& fake = begin();
  char host[4] = "abc", device[4] = "";
  NPU_CALL(core().copy(device, 0, host, -1, 4, true));
  EXPECT_STREQ(device, "abc");
  EXPECT_EQ(fake.count("aclrtMemcpy  1"), 1);
  EXPECT_EQ(fake.count("aclrtSynchronizeStream"), 1);
  EXPECT_EQ(fake.count("aclrtMemcpyAsync"), 0);
}

TEST(Copy, PinnedAndNonBlockingIsQueuedAndTheBlockIsKept) {
  Fake& fake = begin();
  static int recorded = 0;
  set_host_memory_hooks(
      {[](const void*) { return true; }, [](const void*, const NPUStream&) { return ++recorded > 0; }});
  char host[4] = "", device[4] = "abc";
  NPU_CALL(core().copy(host, -1, device, 0, 4, true));
  EXPECT_EQ(recorded, 1);
  EXPECT_EQ(fake.count("aclrtSynchronizeStream"), 0);
  NPU_CALL(core().synchronize());
  EXPECT_STREQ(host, "abc");
  EXPECT_EQ(fake.count("aclrtMemcpyAsync 2"), 1);
}

TEST(Copy, BetweenDevicesBothStreamsAreOrdered) {
  Fake& fake = begin();
  char from[4] = "abc", to[4] = "";
  NPU_CALL(core().copy(to, 1, from, 0, 4, false));
  synchronize(0);
  synchronize(1);
  EXPECT_STREQ(to, "abc");
  EXPECT_EQ(fake.count("aclrtDeviceEnablePeerAccess 1"), 1);
  std::string order;
  for (const std::string& call : fake.seen("aclrt"))
    for (const char* name : {"aclrtRecordEvent", "aclrtStreamWaitEvent", "aclrtMemcpyAsync"})
      if (call.rfind(name, 0) == 0) order += call[5];
  EXPECT_EQ(order, "RSMRS");
}

TEST(Copy, AnEarlierErrorIsRaisedBeforeTheBytesAreBelieved) {
  Fake& fake = begin();
  fake.fail["aclnnInplaceGetWorkspaceSize"] = ACLNN_ERR_PARAM_INVALID;
  launch<aclnnInplace>(tensor({2}));
  char host[4] = "", device[4] = "abc";
  EXPECT_CONTAINS(thrown<c10::Error>([&] { NPU_CALL(core().copy(host, -1, device, 0, 4, false)); }),
                  "aclnnInplace(float32[2])");
  EXPECT_STREQ(host, "");
}

TEST(Fill, IsQueued) {
  Fake& fake = begin();
  char device[4] = "abc";
  NPU_CALL(core().fill(device, 0, 4));
  NPU_CALL(core().synchronize());
  EXPECT_STREQ(device, "");
  EXPECT_EQ(fake.count("aclrtMemsetAsync"), 1);
}

TEST(Fill, WithoutTheAsynchronousCallItWaitsAndFills) {
  Fake& fake = begin("fake_without_optional");
  char device[4] = "abc";
  NPU_CALL(core().fill(device, 0, 4));
  EXPECT_STREQ(device, "");
  EXPECT_EQ(fake.count("aclrtMemset "), 1);
}

}  // namespace
