// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/NPUFunctions.h"

#include <c10/util/Exception.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>

#include "capture.h"
#include "npu/core/env.h"
#include "npu/core/error.h"
#include "npu/core/launch_queue.h"
#include "process.h"
#include "visible_devices.h"

namespace npu {
namespace {

std::atomic<bool> g_initialized{false};
std::atomic<bool> g_bad_fork{false};
std::atomic<int> g_count{-1};  // known since initialisation
std::atomic<bool> g_context[kMaxDevices];

std::mutex& init_mutex() {
  static std::mutex* m = new std::mutex;
  return *m;
}

thread_local DeviceIndex t_current = 0;
thread_local DeviceIndex t_bound = -1;  // what CANN has as this thread's device, as far as we set it

// A child has neither CANN's threads nor ours, and locks in whatever state they were.
void after_fork_in_child() {
  if (!g_initialized.load()) return;
  g_initialized.store(false);
  g_bad_fork.store(true);
  detail::forget_cann();
}

// `why`: what CANN says about there being no device; `complaint`: what is wrong with the variable that
// chooses them.
int ask_count(std::string* why = nullptr, std::string* complaint = nullptr) noexcept {
  if (!cann_usable()) return 0;
  try {
    uint32_t n = 0;
    const int code = cann().aclrtGetDeviceCount(&n);
    if (std::string wrong = visible_devices_complaint(code == 0 ? static_cast<int>(n) : 0); !wrong.empty()) {
      if (complaint) *complaint = std::move(wrong);
      return 0;
    }
    if (why && code != 0)
      *why = error_message("aclrtGetDeviceCount", code);
    else if (const char* recent = why && n == 0 ? cann().aclGetRecentErrMsg() : nullptr)
      *why = recent;
    if (code != 0) return 0;
    return static_cast<int>(std::min<uint32_t>(n, kMaxDevices));
  } catch (...) {
    return 0;
  }
}

}  // namespace

bool in_bad_fork() noexcept { return g_bad_fork.load(std::memory_order_relaxed); }
bool is_initialized() noexcept { return g_initialized.load(std::memory_order_acquire); }

DeviceIndex device_count() noexcept {
  int n = g_count.load(std::memory_order_relaxed);
  return static_cast<DeviceIndex>(n >= 0 ? n : ask_count());
}

DeviceIndex device_count_ensure_non_zero() {
  const DeviceIndex n = device_count();
  if (n > 0) return n;
  cann();  // raises why the runtime is unusable
  std::string why;
  std::string complaint;
  ask_count(&why, &complaint);
  TORCH_CHECK_VALUE(complaint.empty(), complaint);
  while (!why.empty() && (why.back() == '\n' || why.back() == ' ')) why.pop_back();
  const char* visible = visible_devices();
  TORCH_CHECK(false, "No NPU is available: CANN ", cann_version(), " was loaded but counts no device",
              why.empty() ? "" : " (" + why + ")", ". Check ASCEND_RT_VISIBLE_DEVICES (",
              visible ? visible : "not set", "), and with `npu-smi info` the driver (see `npu doctor`).");
}

void check_device(DeviceIndex device) {
  const DeviceIndex n = device_count_ensure_non_zero();
  if (C10_LIKELY(device >= 0 && device < n)) return;
  throw c10::AcceleratorError(
      {__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, ACL_ERROR_RT_INVALID_DEVICEID,
      "NPU error: invalid device ordinal " + std::to_string(device) + ": there " +
          (n == 1 ? "is 1 device, npu:0"
                  : "are " + std::to_string(n) + " devices, npu:0 to npu:" + std::to_string(n - 1)) +
          ". Use one of them; if the machine has more, check ASCEND_RT_VISIBLE_DEVICES.");
}

DeviceIndex current_device() noexcept { return t_current; }

void set_device(DeviceIndex device) {
  if (device < 0 || device == t_current) return;
  check_device(device);
  t_current = device;
}

void set_device_unchecked(DeviceIndex device) noexcept {
  if (device >= 0) t_current = device;
}

DeviceIndex exchange_device(DeviceIndex device) {
  if (device < 0) return -1;
  const DeviceIndex previous = t_current;
  set_device(device);
  return previous;
}

bool has_context(DeviceIndex device) noexcept {
  return device >= 0 && device < kMaxDevices && g_context[device].load(std::memory_order_acquire);
}

void init() {
  if (C10_LIKELY(g_initialized.load(std::memory_order_acquire))) return;
  TORCH_CHECK(!in_bad_fork(), kBadFork);
  // Loads CANN before the lock: choosing the runtime takes the GIL, whose holder may be waiting for the lock.
  cann_usable();
  std::unique_lock lock(init_mutex());
  if (g_initialized.load(std::memory_order_acquire)) return;
  if (closing()) {
    lock.unlock();
    refuse_after_shutdown();
  }
  check_env();
  const DeviceIndex n = device_count_ensure_non_zero();
  const int code = cann().aclInit(nullptr);
  if (code != ACL_ERROR_REPEAT_INITIALIZE)  // another library of this process was first: just as good
    if (code != 0) raise_cann("aclInit", code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
  static const int registered = pthread_atfork(nullptr, nullptr, &after_fork_in_child);
  TORCH_CHECK(registered == 0, "pthread_atfork failed: ", registered);
  g_count.store(n, std::memory_order_relaxed);
  g_initialized.store(true, std::memory_order_release);
}

void bind_device(DeviceIndex device) {
  init();
  if (C10_LIKELY(t_bound == device)) return;
  check_device(device);
  NPU_CHECK(cann().aclrtSetDevice(device));
  t_bound = device;
  g_context[device].store(true, std::memory_order_release);
}

BoundDevice::BoundDevice(DeviceIndex device) : before_(t_bound) { bind_device(device); }

BoundDevice::~BoundDevice() {
  if (before_ >= 0 && before_ != t_bound && cann().aclrtSetDevice(before_) == 0) t_bound = before_;
}

void synchronize() { synchronize(t_current); }

void synchronize(DeviceIndex device) {
  bind_device(device);
  refuse_in_capture("a wait for the device", device);
  LaunchQueue* queue = LaunchQueue::started(device);
  if (queue) queue->flush();
  raise_after_wait(device, "aclrtSynchronizeDevice", cann().aclrtSynchronizeDevice());
}

const char* soc_name() noexcept {
  // Asked once: the SoC does not change, and a forked child may not ask.
  static std::atomic<const char*> known{nullptr};
  if (const char* name = known.load(std::memory_order_acquire)) return name;
  if (!cann_usable()) return "";
  try {
    const char* name = cann().aclrtGetSocName();
    if (!name) return "";
    const char* kept = ::strdup(name);
    const char* expected = nullptr;
    if (!known.compare_exchange_strong(expected, kept)) ::free(const_cast<char*>(kept));
    return known.load(std::memory_order_acquire);
  } catch (...) {
    return "";
  }
}

namespace {

// First generation and inference chips compute no bfloat16. CANN tells; older releases only by the SoC's
// name, where "Ascend910B" without a digit is of the first generation.
bool supports_bf16() noexcept {
  try {
    if (!cann_usable()) return false;
    const Cann& c = cann();
    int32_t value = 0;
    if (c.has_aclGetCannAttribute && c.aclGetCannAttribute(ACL_CANN_ATTR_BF16, &value) == 0)
      return value != 0;
    const std::string_view soc = soc_name();
    if (soc.starts_with("Ascend910B")) return soc.size() > 10 && soc[10] >= '0' && soc[10] <= '9';
    return soc.starts_with("Ascend910_93") || soc.starts_with("Ascend950") || soc.starts_with("Ascend310B");
  } catch (...) {
    return false;
  }
}

}  // namespace

bool supports_dtype(int dtype) noexcept {
  switch (dtype) {
    case ACL_FLOAT:
    case ACL_FLOAT16:
    case ACL_INT8:
    case ACL_INT16:
    case ACL_INT32:
    case ACL_INT64:
    case ACL_UINT8:
    case ACL_UINT16:
    case ACL_UINT32:
    case ACL_UINT64:
    case ACL_DOUBLE:
    case ACL_BOOL:
    case ACL_COMPLEX64:
    case ACL_COMPLEX128:
    case ACL_COMPLEX32:
      return true;
    case ACL_BF16:
      return supports_bf16();
    case ACL_FLOAT8_E5M2:
    case ACL_FLOAT8_E4M3FN:
    case ACL_HIFLOAT8:
      return std::string_view(soc_name()).starts_with("Ascend950");
    default:
      return false;
  }
}

bool can_access_peer(DeviceIndex device, DeviceIndex peer) {
  check_device(device);
  check_device(peer);
  if (device == peer) return true;
  bind_device(device);
  int32_t can = 0;
  NPU_CHECK(cann().aclrtDeviceCanAccessPeer(&can, device, peer));
  return can != 0;
}

}  // namespace npu
