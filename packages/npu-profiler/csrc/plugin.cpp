// SPDX-License-Identifier: BSD-3-Clause
// The plugin's two entries: npu_plugin_init takes npu-core's table, npu_profiler_register then offers us to
// Kineto.
#include <torch/csrc/profiler/standalone/privateuse1_profiler.h>

#include "npu/core/launch.h"
#include "session.h"
#include "stubs.h"

NPU_PLUGIN(1)

extern "C" __attribute__((visibility("default"))) void npu_profiler_register() {
  npu::profiler::register_stubs();
  torch::profiler::impl::PrivateUse1ProfilerRegistry::instance().registerFactory(
      [] { return std::make_unique<npu::profiler::Profiler>(); });
}
