// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "npu_sim/context.h"
#include "npu_sim/device.h"
#include "npu_sim/machine.h"
#include "npu_sim/queue.h"

namespace npu_sim {

// Device 0 in use by this thread, reset after each test.
class DeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(open_device(0, &device), 0) << take_error_message();
    context = device->retain_primary();
    set_current_context(context);
  }
  void TearDown() override {
    take_error_message();
    device->release_primary(true);
  }
  std::shared_ptr<Stream> new_stream(uint32_t priority = 0) {
    return context->create_stream(priority, 0, nullptr);
  }

  Device* device = nullptr;
  std::shared_ptr<Context> context;
};

}  // namespace npu_sim
