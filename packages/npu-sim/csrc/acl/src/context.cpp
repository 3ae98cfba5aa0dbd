#include "abi.h"

using namespace npu_sim;

static int unknown_context() {
  return fail(ACL_ERROR_RT_CONTEXT_NULL,
              "the context handle names no live context: it was destroyed or never created");
}

aclError aclrtCreateContext(aclrtContext* context, int32_t deviceId) {
  Device* device = nullptr;
  NPU_SIM_TRY(require_pointer(context, "context"));
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_init());
  NPU_SIM_TRY(open_device(deviceId, &device));
  auto created = Context::create(*device);
  set_current_context(created);
  *context = created->handle;
  return ACL_SUCCESS;
}

aclError aclrtDestroyContext(aclrtContext context) {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_pointer(context, "context"));
  auto found = contexts().find(context);
  if (!found) return unknown_context();
  if (found == found->device.primary())
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "the default context ends with aclrtResetDevice, not aclrtDestroyContext");
  found->destroy();
  return ACL_SUCCESS;
}

aclError aclrtSetCurrentContext(aclrtContext context) {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_pointer(context, "context"));
  auto found = contexts().find(context);
  if (!found) return unknown_context();
  set_current_context(found);
  return ACL_SUCCESS;
}

aclError aclrtGetCurrentContext(aclrtContext* context) {
  std::shared_ptr<Context> current;
  NPU_SIM_TRY(require_pointer(context, "context"));
  NPU_SIM_TRY(enter(&current));
  *context = current->handle;
  return ACL_SUCCESS;
}

aclError aclrtCtxGetCurrentDefaultStream(aclrtStream* stream) {
  std::shared_ptr<Context> current;
  NPU_SIM_TRY(require_pointer(stream, "stream"));
  NPU_SIM_TRY(enter(&current));
  *stream = current->default_stream()->handle;
  return ACL_SUCCESS;
}
