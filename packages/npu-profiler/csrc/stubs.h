// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace npu::profiler {

// Makes `torch.autograd.profiler.profile(use_device="npu", use_kineto=False)` time operators by events of
// ours.
void register_stubs();

}  // namespace npu::profiler
