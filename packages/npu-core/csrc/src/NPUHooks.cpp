// SPDX-License-Identifier: BSD-3-Clause
// What ATen asks of the backend: torch.Generator, pin_memory, storage resize, torch.accelerator, lazy
// initialisation.
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/DeviceGuard.h>

#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/NPUCachingHostAllocator.h"
#include "npu/core/NPUGeneratorImpl.h"
#include "npu/core/error.h"
#include "npu/core/host_memory.h"

namespace npu {

namespace {

struct NPUHooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return npu::device_count() > 0; }
  void init() const override { npu::init(); }
  bool hasPrimaryContext(DeviceIndex device) const override { return has_context(device); }

  DeviceIndex deviceCount() const override { return npu::device_count(); }
  DeviceIndex getCurrentDevice() const override { return current_device(); }
  void setCurrentDevice(DeviceIndex device) const override { set_device(device); }
  DeviceIndex exchangeDevice(DeviceIndex device) const override { return exchange_device(device); }
  // Ours creates no context before it is needed, so there is nothing to avoid.
  DeviceIndex maybeExchangeDevice(DeviceIndex device) const override { return exchange_device(device); }

  const at::Generator& getDefaultGenerator(DeviceIndex device) const override {
    return getDefaultNPUGenerator(device);
  }
  at::Generator getNewGenerator(DeviceIndex device) const override { return createNPUGenerator(device); }

  at::Allocator* getPinnedMemoryAllocator() const override { return getNPUCachingHostAllocator(); }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }

  at::Device getDeviceFromPtr(void* data) const override {
    DeviceIndex device = NPUCachingAllocator::device_of(data);
    if (device < 0 && is_initialized() && cann().has_aclrtPointerGetAttributes) {
      aclrtPtrAttributes attributes{};
      NPU_CHECK(cann().aclrtPointerGetAttributes(data, &attributes));
      if (attributes.location.type == ACL_MEM_LOCATION_TYPE_DEVICE) {
        device = static_cast<DeviceIndex>(attributes.location.id);
      }
    }
    TORCH_CHECK_VALUE(device >= 0, "the address ", data, " is not npu memory");
    return {c10::DeviceType::PrivateUse1, device};
  }

  void resizePrivateUse1Bytes(const c10::Storage& storage, size_t nbytes) const override {
    TORCH_CHECK(storage.resizable(),
                "this npu storage cannot be resized: its memory belongs to someone else");
    c10::DeviceGuard guard(storage.device());
    auto* allocator = c10::getDeviceAllocator(c10::DeviceType::PrivateUse1);
    c10::DataPtr fresh = allocator->allocate(nbytes);
    size_t kept = std::min(nbytes, storage.nbytes());
    if (kept > 0) {
      DeviceIndex device = storage.device().index();
      copy_bytes(fresh.get(), device, storage.data(), device, kept, /*non_blocking=*/true);
      // The copy reads the old memory on this stream, which need not be the one it was allocated on.
      allocator->recordStream(storage.data_ptr(), getCurrentNPUStream(device).unwrap());
    }
    storage.set_data_ptr_noswap(std::move(fresh));
    storage.set_nbytes(nbytes);
  }
};

[[maybe_unused]] const bool g_registered = [] {
  at::RegisterPrivateUse1HooksInterface(new NPUHooks);
  return true;
}();

}  // namespace

}  // namespace npu
