// SPDX-License-Identifier: BSD-3-Clause
#include "devices.h"

namespace npu::ops {

void DeviceCheck::refuse(c10::Device a, c10::Device b) const {
  TORCH_CHECK(false, "Expected all tensors to be on the same device, but found at least two devices, ", a,
              " and ", b, "! (when checking the arguments of operator ", op_, ")");
}

}  // namespace npu::ops
