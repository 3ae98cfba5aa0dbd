#include "npu_sim/notify.h"

#include <climits>

#include "abi.h"

using namespace npu_sim;

static int notify_of(aclrtNotify handle, std::shared_ptr<Notify>* notify) {
  return find_live(notifies(), handle, "notify", notify);
}

aclError aclrtCreateNotify(aclrtNotify* notify, uint64_t flag) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(notify, "notify"));
  NPU_SIM_TRY(enter(&context));
  if (flag > ACL_NOTIFY_DEVICE_USE_ONLY)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "flag must be ACL_NOTIFY_DEFAULT or ACL_NOTIFY_DEVICE_USE_ONLY");
  *notify = notifies().insert(std::make_shared<Notify>());
  return ACL_SUCCESS;
}

aclError aclrtDestroyNotify(aclrtNotify notify) {
  std::shared_ptr<Notify> n;
  NPU_SIM_TRY(notify_of(notify, &n));
  notifies().remove(notify);
  return ACL_SUCCESS;
}

aclError aclrtRecordNotify(aclrtNotify notify, aclrtStream stream) {
  std::shared_ptr<Notify> n;
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(notify_of(notify, &n));
  NPU_SIM_TRY(stream_of(stream, &s));
  return Notify::record(n, *s);
}

// `timeout` in seconds; 0 waits for ever.
aclError aclrtWaitAndResetNotify(aclrtNotify notify, aclrtStream stream, uint32_t timeout) {
  std::shared_ptr<Notify> n;
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(notify_of(notify, &n));
  NPU_SIM_TRY(stream_of(stream, &s));
  bool for_ever = timeout == 0 || timeout > INT_MAX / 1000;
  return Notify::wait_and_reset(n, *s, for_ever ? -1 : static_cast<int>(timeout * 1000));
}
