// SPDX-License-Identifier: BSD-3-Clause
#include <npu/cann/acl.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "fake.h"

extern "C" Fake* fake_cann() {
  static auto* f = new Fake;
  return f;
}

namespace {

Fake& fake() { return *fake_cann(); }

thread_local std::string t_device = "none";

std::string number(const void* p) { return std::to_string(reinterpret_cast<uintptr_t>(p)); }

}  // namespace

extern "C" {

aclError aclInit(const char*) { return fake().note("aclInit"); }
const char* aclGetRecentErrMsg() {
  thread_local std::string handed_out;
  std::lock_guard lock(fake().mutex);
  handed_out = std::exchange(fake().message, "");
  return handed_out.c_str();
}
aclError aclrtGetDeviceCount(uint32_t* n) {
  *n = fake().devices;
  return fake().note("aclrtGetDeviceCount");
}
aclError aclrtSetDevice(int32_t d) {
  t_device = std::to_string(d);
  return fake().note("aclrtSetDevice", t_device);
}
const char* aclrtGetSocName() { return "Ascend910B2"; }
aclError aclrtGetMemInfo(aclrtMemAttr, size_t* free, size_t* total) {
  *free = *total = size_t{1} << 30;
  return 0;
}
aclError aclrtDeviceCanAccessPeer(int32_t* can, int32_t, int32_t) {
  *can = 1;
  return 0;
}
aclError aclrtDeviceEnablePeerAccess(int32_t peer, uint32_t) {
  return fake().note("aclrtDeviceEnablePeerAccess", std::to_string(peer));
}
aclError aclrtSynchronizeDevice() { return fake().note("aclrtSynchronizeDevice", t_device); }

aclError aclrtCreateStreamWithConfig(aclrtStream* s, uint32_t priority, uint32_t) {
  static std::atomic<uintptr_t> next{0x10000};
  *s = reinterpret_cast<aclrtStream>(next.fetch_add(0x100));
  return fake().note("aclrtCreateStreamWithConfig", t_device + " priority " + std::to_string(priority));
}
aclError aclrtDestroyStream(aclrtStream) { return fake().note("aclrtDestroyStream"); }
aclError aclrtSynchronizeStream(aclrtStream s) { return fake().note("aclrtSynchronizeStream", number(s)); }
aclError aclrtStreamQuery(aclrtStream, aclrtStreamStatus* status) {
  *status = fake().events_complete ? ACL_STREAM_STATUS_COMPLETE : ACL_STREAM_STATUS_NOT_READY;
  return 0;
}

aclError aclrtCreateEventExWithFlag(aclrtEvent* e, uint32_t flags) {
  static std::atomic<uintptr_t> next{1};
  *e = reinterpret_cast<aclrtEvent>(next.fetch_add(1));
  return fake().note("aclrtCreateEventExWithFlag", std::to_string(flags));
}
aclError aclrtDestroyEvent(aclrtEvent) { return fake().note("aclrtDestroyEvent"); }
aclError aclrtRecordEvent(aclrtEvent e, aclrtStream s) {
  return fake().note("aclrtRecordEvent", number(e) + " on " + number(s));
}
aclError aclrtStreamWaitEvent(aclrtStream s, aclrtEvent e) {
  return fake().note("aclrtStreamWaitEvent", number(e) + " on " + number(s));
}
aclError aclrtSynchronizeEvent(aclrtEvent e) { return fake().note("aclrtSynchronizeEvent", number(e)); }
aclError aclrtQueryEventStatus(aclrtEvent, aclrtEventRecordedStatus* status) {
  *status = fake().events_complete ? ACL_EVENT_RECORDED_STATUS_COMPLETE : ACL_EVENT_RECORDED_STATUS_NOT_READY;
  return 0;
}
aclError aclrtEventElapsedTime(float* ms, aclrtEvent, aclrtEvent) {
  *ms = 1.5f;
  return 0;
}

#ifndef FAKE_WITHOUT_MALLOC
aclError aclrtMalloc(void** p, size_t n, aclrtMemMallocPolicy) {
  if (const int code = fake().note("aclrtMalloc", std::to_string(n))) return code;
  *p = std::malloc(n);
  return 0;
}
#endif
aclError aclrtFree(void* p) {
  std::free(p);
  return fake().note("aclrtFree");
}
aclError aclrtMallocHost(void** p, size_t n) {
  *p = std::malloc(n);
  return 0;
}
aclError aclrtFreeHost(void* p) {
  std::free(p);
  return 0;
}
aclError aclrtMemcpy(void* dst, size_t, const void* src, size_t n, aclrtMemcpyKind kind) {
  if (const int code = fake().note("aclrtMemcpy ", std::to_string(kind))) return code;
  std::memcpy(dst, src, n);
  return 0;
}
aclError aclrtMemcpyAsync(void* dst, size_t, const void* src, size_t n, aclrtMemcpyKind kind, aclrtStream s) {
  if (const int code = fake().note("aclrtMemcpyAsync", std::to_string(kind) + " on " + number(s)))
    return code;
  std::memcpy(dst, src, n);
  return 0;
}
aclError aclrtMemset(void* p, size_t, int32_t value, size_t n) {
  std::memset(p, value, n);
  return fake().note("aclrtMemset ");
}
#ifndef FAKE_WITHOUT_OPTIONAL
aclError aclrtMemsetAsync(void* p, size_t, int32_t value, size_t n, aclrtStream) {
  std::memset(p, value, n);
  return fake().note("aclrtMemsetAsync");
}
#endif

// The key of memory is its address: exported again while it is, it has the same one, as in CANN.
aclError aclrtIpcMemGetExportKey(void* p, size_t, char* key, size_t, uint64_t) {
  std::strcpy(key, number(p).c_str());
  if (const int code = fake().note("aclrtIpcMemGetExportKey", key)) return code;
  std::lock_guard lock(fake().mutex);
  fake().keys.insert(key);
  return 0;
}
aclError aclrtIpcMemClose(const char* key) {
  if (const int code = fake().note("aclrtIpcMemClose", key)) return code;
  std::lock_guard lock(fake().mutex);
  fake().keys.erase(key);
  return 0;
}
aclError aclrtIpcMemImportByKey(void** p, const char* key, uint64_t) {
  *p = reinterpret_cast<void*>(std::stoull(key));
  return fake().note("aclrtIpcMemImportByKey", key);
}

aclError aclmdlRICaptureBegin(aclrtStream s, aclmdlRICaptureMode) {
  fake().captured = s;
  return fake().note("aclmdlRICaptureBegin");
}
aclError aclmdlRICaptureEnd(aclrtStream, aclmdlRI* model) {
  fake().captured = nullptr;
  *model = fake_cann();
  return fake().note("aclmdlRICaptureEnd");
}
aclError aclmdlRICaptureGetInfo(aclrtStream s, aclmdlRICaptureStatus* status, aclmdlRI*) {
  *status = s == fake().captured ? ACL_MODEL_RI_CAPTURE_STATUS_ACTIVE : ACL_MODEL_RI_CAPTURE_STATUS_NONE;
  return 0;
}
aclError aclmdlRIDestroy(aclmdlRI) { return fake().note("aclmdlRIDestroy"); }

aclError aclsysGetCANNVersion(aclCANNPackageName, aclCANNPackageVersion* version) {
  std::strcpy(version->version, "8.5.fake");
  return 0;
}

}  // extern "C"
