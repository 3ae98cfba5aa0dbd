// SPDX-License-Identifier: BSD-3-Clause
#include "support.h"

#include <c10/util/Exception.h>

#include "npu/core/error.h"
#include "npu/core/launch_queue.h"

namespace {

using namespace npu;
using namespace npu::test;

TEST(Loader, WithoutARuntimeSaysTheProvidersReason) {
  set_runtime(std::nullopt, "Neither CANN nor npu-sim was found: pip install npu-sim.");
  EXPECT_FALSE(cann_usable());
  EXPECT_EQ(device_count(), 0);
  EXPECT_STREQ(soc_name(), "");
  EXPECT_EQ(cann_symbol("libascendcl.so", "aclInit"), nullptr);
  EXPECT_CONTAINS(cann_reason().value_or(""), "pip install npu-sim");
  EXPECT_CONTAINS(thrown<c10::Error>([] { init(); }), "pip install npu-sim");
  EXPECT_CONTAINS(thrown<c10::Error>([] { LaunchQueue::of(0); }), "pip install npu-sim");
}

TEST(Loader, AMissingLibraryIsNamedWithItsFolderAndTheRemedy) {
  set_runtime(std::string("/nowhere"), "");
  const std::string reason = cann_reason().value_or("");
  EXPECT_CONTAINS(reason, "/nowhere/libascendcl.so");
  EXPECT_CONTAINS(reason, "reinstall the CANN toolkit and source its set_env.sh");
  EXPECT_EQ(reason.find("npu doctor"), std::string::npos) << "the doctor itself shows the reason";
  const std::string raised = thrown<c10::Error>([] { synchronize(); });
  EXPECT_CONTAINS(raised, "/nowhere/libascendcl.so");
  EXPECT_CONTAINS(raised, "see `npu doctor`");
}

TEST(Loader, AMissingOperatorLibraryIsNamed) {
  set_runtime(folder("fake_without_opapi"), "");
  EXPECT_CONTAINS(cann_reason().value_or(""), "libopapi.so");
  EXPECT_CONTAINS(cann_reason().value_or(""), "install the CANN operator package");
  EXPECT_EQ(device_count(), 0);
}

TEST(Loader, AMissingRequiredSymbolIsNamedWithItsLibraryAndTheVersionFound) {
  set_runtime(folder("fake_without_malloc"), "");
  const std::string reason = cann_reason().value_or("");
  EXPECT_CONTAINS(reason, "aclrtMalloc (libascendcl.so)");
  EXPECT_CONTAINS(reason, "8.5.fake");
  EXPECT_CONTAINS(reason, "install CANN 8.0 or newer");
  EXPECT_FALSE(cann_usable());
}

TEST(Loader, AMissingOptionalSymbolRaisesOnlyWhenCalled) {
  start("fake_without_optional");
  ASSERT_TRUE(cann_usable());
  EXPECT_FALSE(cann().has_aclrtMemsetAsync);
  EXPECT_FALSE(cann().has_aclInitTensor);
  EXPECT_TRUE(cann().has_aclrtStreamQuery);
  const std::string message =
      thrown<c10::NotImplementedError>([] { cann().aclrtMemsetAsync(nullptr, 0, 0, 0, nullptr); });
  EXPECT_CONTAINS(message, "aclrtMemsetAsync is not in this CANN (version 8.5.fake)");
}

TEST(Loader, QueriesDoNotInitialise) {
  Fake& fake = start();
  EXPECT_EQ(device_count(), 2);
  EXPECT_STREQ(soc_name(), "Ascend910B2");
  EXPECT_TRUE(supports_dtype(ACL_BF16));
  EXPECT_EQ(cann_version(), "8.5.fake");
  EXPECT_FALSE(is_initialized());
  EXPECT_EQ(fake.count("aclInit"), 0);
  init();
  init();
  EXPECT_EQ(fake.count("aclInit"), 1);
}

TEST(Loader, TheRuntimeCannotBeChangedAfterLoading) {
  start();
  EXPECT_CONTAINS(thrown<c10::Error>([] { set_runtime(folder(), ""); }), "NPU_RUNTIME");
}

TEST(Loader, ARuntimeThatAnotherLibraryInitialisedIsUsedAsItIs) {
  Fake& fake = start();
  fake.fail["aclInit"] = ACL_ERROR_REPEAT_INITIALIZE;
  init();
  EXPECT_TRUE(is_initialized());
}

TEST(Loader, AFailedInitialisationIsTriedAgain) {
  Fake& fake = start();
  fake.fail["aclInit"] = 507000;
  fake.message = "the driver is asleep\n";
  const std::string message = thrown<c10::AcceleratorError>([] { init(); });
  EXPECT_CONTAINS(message, "aclInit failed: ");
  EXPECT_CONTAINS(message, "(507000): the driver is asleep");
  EXPECT_FALSE(is_initialized());
  init();
  EXPECT_TRUE(is_initialized());
}

TEST(Loader, ZeroDevicesIsAnErrorThatSaysWhereToLook) {
  Fake& fake = start();
  fake.devices = 0;
  EXPECT_EQ(device_count(), 0);
  EXPECT_CONTAINS(thrown<c10::Error>([] { init(); }), "ASCEND_RT_VISIBLE_DEVICES");
}

TEST(Loader, WhatCannSaysAboutItsCountOfDevicesIsPassedOn) {
  Fake& fake = start();
  fake.devices = 0;
  fake.message = "EL0003: the driver is not running\n";
  EXPECT_CONTAINS(thrown<c10::Error>([] { init(); }), "(EL0003: the driver is not running).");
}

TEST(Error, NamesTheCallTheCodeAndCannsMessage) {
  Fake& fake = start();
  fake.message = "EE1001: bad argument";
  const std::string message = thrown<c10::AcceleratorError>([] { NPU_CHECK(207001); });
  EXPECT_CONTAINS(message, "ACL_ERROR_RT_MEMORY_ALLOCATION (207001): EE1001: bad argument");
  fake.fail["aclrtMemcpy "] = 107002;
  char a = 0, b = 0;
  const std::string call = thrown<c10::AcceleratorError>(
      [&] { NPU_CHECK(cann().aclrtMemcpy(&a, 1, &b, 1, ACL_MEMCPY_HOST_TO_HOST)); });
  EXPECT_CONTAINS(call, "aclrtMemcpy failed: ACL_ERROR_RT_CONTEXT_NULL (107002)");
}

TEST(Error, AnUnknownCodeKeepsItsNumber) { EXPECT_STREQ(error_name(-12345), "unknown error"); }

}  // namespace
