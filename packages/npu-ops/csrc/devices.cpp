// SPDX-License-Identifier: BSD-3-Clause
#include "devices.h"

#include <sstream>

namespace npu::ops {

void DeviceCheck::refuse() const {
  const c10::Device here = found_.value_or(c10::Device(kNpu, 0)), there = stray_.value_or(c10::kCPU);
  std::ostringstream operands;
  for (size_t i = 0; i < count_; ++i)
    operands << (i ? ", " : "") << c10::toString(seen_[i]->scalar_type()) << seen_[i]->sizes() << " on "
             << seen_[i]->device();
  TORCH_CHECK(false, "Expected all tensors to be on the same device, but found at least two devices, ", here,
              " and ", there, "! (operator ", op_, ": ", operands.str(), "). Move them with tensor.to('",
              here, "')");
}

}  // namespace npu::ops
