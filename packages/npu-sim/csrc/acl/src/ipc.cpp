// Memory and events for other processes of this machine.
#include "npu_sim/ipc.h"

#include <cstring>

#include "abi.h"
#include "npu_sim/event.h"

using namespace npu_sim;

namespace {

// A key as a client keeps it: a text that may lack its end.
std::string text_of(const char* key) { return {key, strnlen(key, kIpcKeySize)}; }

}  // namespace

aclError aclrtIpcMemGetExportKey(void* devPtr, size_t size, char* key, size_t len, uint64_t flags) {
  std::shared_ptr<Context> context;
  std::string text;
  NPU_SIM_TRY(require_pointer(devPtr, "devPtr"));
  NPU_SIM_TRY(require_pointer(key, "key"));
  NPU_SIM_TRY(enter(&context));
  if (len < kIpcKeySize + 1)
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "len must be at least " + std::to_string(kIpcKeySize + 1) + ", found " + std::to_string(len));
  if (flags & ~uint64_t{ACL_RT_IPC_MEM_EXPORT_FLAG_DISABLE_PID_VALIDATION})
    return fail(ACL_ERROR_RT_PARAM_INVALID, "unknown flags " + std::to_string(flags));
  NPU_SIM_TRY(export_memory(devPtr, size, flags == ACL_RT_IPC_MEM_EXPORT_FLAG_DEFAULT, &text));
  std::memset(key, 0, len);
  text.copy(key, len - 1);
  return ACL_SUCCESS;
}

aclError aclrtIpcMemSetImportPid(const char* key, int32_t* pid, size_t num) {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_pointer(key, "key"));
  NPU_SIM_TRY(require_pointer(pid, "pid"));
  if (num == 0) return fail(ACL_ERROR_RT_PARAM_INVALID, "num must be at least 1");
  return allow_import(text_of(key), pid, num);
}

aclError aclrtIpcMemImportByKey(void** devPtr, const char* key, uint64_t flags) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(devPtr, "devPtr"));
  NPU_SIM_TRY(require_pointer(key, "key"));
  NPU_SIM_TRY(enter(&context));
  if (flags & ~uint64_t{ACL_RT_IPC_MEM_IMPORT_FLAG_ENABLE_PEER_ACCESS})
    return fail(ACL_ERROR_RT_PARAM_INVALID, "unknown flags " + std::to_string(flags));
  return import_memory(text_of(key), flags != 0, devPtr);
}

aclError aclrtIpcMemClose(const char* key) {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_pointer(key, "key"));
  return close_memory(text_of(key));
}

aclError aclrtIpcGetEventHandle(aclrtEvent event, aclrtIpcEventHandle* handle) {
  std::shared_ptr<Event> e;
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(find_live(events(), event, "event", &e));
  if (!e->shared)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "the event is for one process: create it with ACL_EVENT_IPC");
  std::memset(handle, 0, sizeof *handle);
  e->shared->key().copy(handle->reserved, sizeof handle->reserved - 1);
  return ACL_SUCCESS;
}

aclError aclrtIpcOpenEventHandle(aclrtIpcEventHandle handle, aclrtEvent* event) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(event, "event"));
  NPU_SIM_TRY(enter(&context));
  auto e = std::make_shared<Event>(ACL_EVENT_IPC | ACL_EVENT_SYNC, true);
  NPU_SIM_TRY(SharedPoint::open(text_of(handle.reserved), &e->shared));
  *event = events().insert(std::move(e));
  return ACL_SUCCESS;
}
