// SPDX-License-Identifier: BSD-3-Clause
// c10's device guard: what makes torch.Stream, torch.Event, torch.accelerator, autograd and every generated
// operator work on npu without knowing it.
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "NPUGraph.h"
#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/NPUEvent.h"
#include "npu/core/NPUGuard.h"
#include "npu/core/launch.h"
#include "prepared_event.h"

namespace npu {

namespace {

NPUEvent& as_event(void* event) { return *static_cast<NPUEvent*>(event); }

// npu_core_table's dtypes by torch's, for those that CANN has a type for.
bool computes_in(c10::ScalarType type) {
  switch (type) {
    case c10::kFloat:
    case c10::kHalf:
    case c10::kBFloat16:
    case c10::kDouble:
    case c10::kLong:
    case c10::kInt:
    case c10::kShort:
    case c10::kChar:
    case c10::kByte:
    case c10::kBool:
    case c10::kUInt16:
    case c10::kUInt32:
    case c10::kUInt64:
    case c10::kComplexFloat:
    case c10::kComplexDouble:
    case c10::kComplexHalf:
    case c10::kFloat8_e5m2:
    case c10::kFloat8_e4m3fn:
      return supports_dtype(acl_dtype(type));
    default:
      return false;
  }
}

struct NPUGuardImpl final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::DeviceType::PrivateUse1; }
  DeviceIndex deviceCount() const noexcept override { return device_count(); }

  c10::Device exchangeDevice(c10::Device device) const override {
    return npu(exchange_device(device.index()));
  }
  c10::Device getDevice() const override { return npu(current_device()); }
  void setDevice(c10::Device device) const override { set_device(device.index()); }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    set_device_unchecked(device.index());
  }

  c10::Stream getStream(c10::Device device) const override {
    if (C10_UNLIKELY(device.index() > 0 && device.index() >= device_count())) check_device(device.index());
    return getCurrentNPUStream(device.index()).unwrap();
  }
  c10::Stream getDefaultStream(c10::Device device) const override {
    return getDefaultNPUStream(device.index()).unwrap();
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool high_priority) const override {
    return getStreamFromPool(high_priority, device.index()).unwrap();
  }
  c10::Stream getNewStream(c10::Device device, int priority) const override {
    init();  // streams are made on first use, but without a runtime the one who asks should hear it
    return getStreamFromPool(priority, device.index()).unwrap();
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    c10::Stream previous = getCurrentNPUStream(stream.device_index()).unwrap();
    setCurrentNPUStream(NPUStream(stream));
    return previous;
  }
  void* getStreamNativeHandle(const c10::Stream stream) const override { return NPUStream(stream).stream(); }
  bool queryStream(const c10::Stream& stream) const override { return NPUStream(stream).query(); }
  void synchronizeStream(const c10::Stream& stream) const override { NPUStream(stream).synchronize(); }
  void synchronizeDevice(const DeviceIndex device) const override {
    synchronize(device < 0 ? current_device() : device);
  }

  bool isStreamCapturing(const c10::Stream& stream) const override {
    return stream_is_capturing(NPUStream(stream));
  }

  void record(void** event, const c10::Stream& stream, const DeviceIndex device,
              const c10::EventFlag flag) const override {
    TORCH_CHECK_VALUE(device == -1 || device == stream.device_index(),
                      "this event belongs to npu:", static_cast<int>(device),
                      " and cannot be recorded on a stream of npu:", static_cast<int>(stream.device_index()));
    if (!*event) {
      bool count = true;
      *event = take_prepared_event(stream.device_index(), &count);
      if (!count) return;
      if (!*event) *event = new NPUEvent(/*enable_timing=*/flag == c10::EventFlag::BACKEND_DEFAULT);
    }
    as_event(*event).record(NPUStream(stream));
  }
  void block(void* event, const c10::Stream& stream) const override {
    if (event) as_event(event).block(NPUStream(stream));
  }
  bool queryEvent(void* event) const override { return !event || as_event(event).query(); }
  void synchronizeEvent(void* event) const override {
    if (event) as_event(event).synchronize();
  }
  void destroyEvent(void* event, const DeviceIndex) const noexcept override {
    delete static_cast<NPUEvent*>(event);
  }
  double elapsedTime(void* begin, void* end, const DeviceIndex) const override {
    TORCH_CHECK(begin && end, "both events must be recorded before the time between them can be asked");
    return as_event(begin).elapsed_time(as_event(end));
  }

  void recordDataPtrOnStream(const c10::DataPtr& ptr, const c10::Stream& stream) const override {
    NPUCachingAllocator::get()->recordStream(ptr, stream);
  }

  c10::DeviceCapability getDeviceCapability(c10::Device) const override {
    c10::DeviceCapability all;
    c10::DeviceCapability ours;
    ours.capability_data.capability_bits = 0;
    all.forEachSupportedScalarType([&ours](c10::ScalarType type) {
      if (!computes_in(type)) return;
#define NPU_SET(_, name) \
  if (type == c10::ScalarType::name) ours.capability_data.supported_scalar_types.has_##name = 1;
      AT_FORALL_SCALAR_TYPES_WITH_COMPLEX_AND_QINTS(NPU_SET)
#undef NPU_SET
    });
    return ours;
  }

 private:
  static c10::Device npu(DeviceIndex device) { return {c10::DeviceType::PrivateUse1, device}; }
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, NPUGuardImpl)

}  // namespace

}  // namespace npu
