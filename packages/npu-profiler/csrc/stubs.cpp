// SPDX-License-Identifier: BSD-3-Clause
#include "stubs.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/profiler/stubs/base.h>

#include <memory>

#include "launches.h"

namespace npu::profiler {
namespace {

using torch::profiler::impl::ProfilerStubs;
using torch::profiler::impl::ProfilerVoidEventStub;

// torch's profiler from before Kineto: an event before and after each operator, on the current stream.
class Stubs final : public ProfilerStubs {
 public:
  void record(c10::DeviceIndex* device, ProfilerVoidEventStub* event, int64_t* cpu_ns) const override {
    const c10::impl::VirtualGuardImpl impl(c10::kPrivateUse1);
    const c10::Device current = impl.getDevice();
    if (device) *device = current.index();
    auto recorded = std::make_shared<c10::Event>(c10::kPrivateUse1, c10::EventFlag::BACKEND_DEFAULT);
    recorded->record(impl.getStream(current));
    *event = std::move(recorded);
    if (cpu_ns) *cpu_ns = now_ns();
  }

  // Microseconds.
  float elapsed(const ProfilerVoidEventStub* begin, const ProfilerVoidEventStub* end) const override {
    const auto& from = *static_cast<const c10::Event*>(begin->get());
    const auto& to = *static_cast<const c10::Event*>(end->get());
    from.synchronize();
    to.synchronize();
    return static_cast<float>(from.elapsedTime(to) * 1000.0);
  }

  void mark(const char*) const override {}
  void rangePush(const char*) const override {}
  void rangePop() const override {}
  bool enabled() const override { return true; }

  void onEachDevice(std::function<void(int)> op) const override {
    const c10::impl::VirtualGuardImpl impl(c10::kPrivateUse1);
    for (c10::DeviceIndex i = 0; i < impl.deviceCount(); ++i) {
      const c10::DeviceGuard guard(c10::Device(c10::kPrivateUse1, i));
      op(i);
    }
  }

  void synchronize() const override {
    const c10::impl::VirtualGuardImpl impl(c10::kPrivateUse1);
    impl.synchronizeDevice(impl.getDevice().index());
  }
};

}  // namespace

void register_stubs() {
  static Stubs stubs;
  torch::profiler::impl::registerPrivateUse1Methods(&stubs);
}

}  // namespace npu::profiler
