// SPDX-License-Identifier: BSD-3-Clause
// Devices, lazy initialisation, fork and shutdown.
//
// Policy. CANN is initialised (aclInit) on the first call that needs a device, never by a query. A process
// forked from an initialised one has neither CANN's threads nor ours: every use of a device in it raises,
// queries answer from what the parent knew. The current device is ours, a thread-local index; CANN's own
// per-thread device follows it lazily through bind_device().
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "npu/core/macros.h"

namespace npu {

using c10::DeviceIndex;

inline constexpr DeviceIndex kMaxDevices = 64;

// 0 without a usable runtime. Does not initialise.
NPU_API DeviceIndex device_count() noexcept;
// As device_count(), but raises RuntimeError that says what is missing instead of answering 0.
NPU_API DeviceIndex device_count_ensure_non_zero();
// Raises c10::AcceleratorError "invalid device ordinal" with the range unless 0 <= device < device_count().
NPU_API void check_device(DeviceIndex device);

// This thread's current device. Does not initialise.
NPU_API DeviceIndex current_device() noexcept;
// Makes `device` this thread's current one; checks the index. CANN is not touched until a call needs it.
NPU_API void set_device(DeviceIndex device);
// For destructors and guards that restore: no check.
NPU_API void set_device_unchecked(DeviceIndex device) noexcept;
// set_device that answers the previous device; a negative `device` changes nothing and answers -1.
NPU_API DeviceIndex exchange_device(DeviceIndex device);

// Whether this process used `device` (it got a context). Does not initialise.
NPU_API bool has_context(DeviceIndex device) noexcept;

// Initialises CANN. Raises RuntimeError without a usable runtime, in a forked child of an initialised process
// and after shutdown. Cheap when done already.
NPU_API void init();
NPU_API bool is_initialized() noexcept;
NPU_API bool in_bad_fork() noexcept;
// init() and, for this thread, aclrtSetDevice(device) if CANN's current device differs. To be called before
// any CANN call that works on the thread's device; the launch threads are bound already.
NPU_API void bind_device(DeviceIndex device);
// The same until the end of a scope, within one that bound another device.
class NPU_API BoundDevice {
 public:
  explicit BoundDevice(DeviceIndex device);
  ~BoundDevice();
  BoundDevice(const BoundDevice&) = delete;  // binds back once
  BoundDevice& operator=(const BoundDevice&) = delete;

 private:
  const DeviceIndex before_;
};

// Waits for everything enqueued on the device (or the current one), then raises its first error.
NPU_API void synchronize();
NPU_API void synchronize(DeviceIndex device);

// CANN's name of the SoC, "" without a runtime. Does not initialise.
NPU_API const char* soc_name() noexcept;
// Whether the SoC computes in this aclDataType. Does not initialise.
NPU_API bool supports_dtype(int acl_dtype) noexcept;
NPU_API bool can_access_peer(DeviceIndex device, DeviceIndex peer);

// Once, from Python's atexit: no new work is taken, the queues are flushed, the devices synchronised with a
// time limit and errors ignored; afterwards no call reaches CANN. Answers the message of an asynchronous
// error that nobody saw, or "". Does nothing in a forked child.
NPU_API std::string shutdown() noexcept;
// Whether the calling thread may be kept waiting, instead of getting an error, when it asks for work after
// shutdown began. Python ends a daemon thread as soon as it asks for the GIL, by unwinding it through torch's
// noexcept GIL guard, which aborts the process; a thread that never comes back asks for nothing.
NPU_API void set_parking(bool (*may_park)() noexcept) noexcept;

}  // namespace npu
