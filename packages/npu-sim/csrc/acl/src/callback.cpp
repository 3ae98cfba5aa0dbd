#include "abi.h"
#include "npu_sim/report.h"

using namespace npu_sim;

aclError aclrtSubscribeReport(uint64_t threadId, aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  return subscribe(threadId, s);
}

aclError aclrtUnSubscribeReport(uint64_t threadId, aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  return unsubscribe(threadId, s);
}

aclError aclrtLaunchCallback(aclrtCallback fn, void* userData, aclrtCallbackBlockType blockType,
                             aclrtStream stream) {
  std::shared_ptr<Stream> s;
  if (!fn) return fail(ACL_ERROR_INVALID_PARAM, "fn must not be null");
  NPU_SIM_TRY(stream_of(stream, &s));
  return launch_callback(*s, fn, userData, blockType == ACL_CALLBACK_BLOCK);
}

aclError aclrtProcessReport(int32_t timeout) {
  NPU_SIM_TRY(ready());
  if (timeout < -1) return fail(ACL_ERROR_RT_PARAM_INVALID, "timeout must be milliseconds, or -1 for ever");
  return process_report(timeout);
}

// Runs on the stream's own worker; later tasks wait for it.
aclError aclrtLaunchHostFunc(aclrtStream stream, aclrtHostFunc fn, void* args) {
  std::shared_ptr<Stream> s;
  if (!fn) return fail(ACL_ERROR_INVALID_PARAM, "fn must not be null");
  NPU_SIM_TRY(stream_of(stream, &s));
  auto call = [fn, args] {
    fn(args);
    return 0;
  };
  return enqueue(*s, "aclrtLaunchHostFunc", call, Engine::host);
}
