#include "abi.h"
#include "npu_sim/capture.h"

using namespace npu_sim;

namespace {

constexpr uint32_t kLeastPriority = 7, kGreatestPriority = 0;

// The stream and its current context; refuses the default one by name of the call.
int created_stream(aclrtStream handle, const char* call, std::shared_ptr<Stream>* stream) {
  if (!handle)
    return fail(ACL_ERROR_INVALID_PARAM,
                std::string(call) + " needs a stream of aclrtCreateStream, found null");
  NPU_SIM_TRY(stream_of(handle, stream));
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_context(&context));
  if (*stream == context->default_stream())
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                std::string(call) + " does not take the default stream: it ends with its context");
  return 0;
}

}  // namespace

aclError aclrtCreateStreamWithConfig(aclrtStream* stream, uint32_t priority, uint32_t flag) {
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(stream, "stream"));
  NPU_SIM_TRY(enter(&context));
  if (priority > kLeastPriority)
    return fail(ACL_ERROR_RT_PARAM_INVALID,
                "priority must be 0 (greatest) to 7 (least), found " + std::to_string(priority));
  context->create_stream(priority, flag, stream);
  return ACL_SUCCESS;
}

aclError aclrtCreateStream(aclrtStream* stream) {
  return aclrtCreateStreamWithConfig(stream, kGreatestPriority, 0);
}

aclError aclrtDestroyStream(aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(created_stream(stream, "aclrtDestroyStream", &s));
  if (s->on_worker())
    return fail(ACL_ERROR_RT_STREAM_NOT_SUPPORT_OPERA, "a callback of a stream must not destroy that stream");
  NPU_SIM_TRY(refuse_captured(*s, "aclrtDestroyStream"));
  s->wait(s->submitted(), Clock::time_point::max());
  streams().remove(stream);
  s->close();
  return ACL_SUCCESS;
}

aclError aclrtDestroyStreamForce(aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(created_stream(stream, "aclrtDestroyStreamForce", &s));
  NPU_SIM_TRY(refuse_captured(*s, "aclrtDestroyStreamForce"));
  streams().remove(stream);
  s->abort(ACL_ERROR_RT_STREAM_ABORT);
  s->close();
  return ACL_SUCCESS;
}

// Queued tasks are discarded; the running one ends. The stream then takes new tasks.
aclError aclrtStreamAbort(aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(created_stream(stream, "aclrtStreamAbort", &s));
  s->abort(ACL_ERROR_RT_STREAM_ABORT);
  if (!s->on_worker()) s->wait(s->submitted(), Clock::time_point::max());
  s->resume();
  return ACL_SUCCESS;
}

aclError aclrtSynchronizeStreamWithTimeout(aclrtStream stream, int32_t timeout) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  if (timeout < -1) return fail(ACL_ERROR_RT_PARAM_INVALID, "timeout must be milliseconds, or -1 for ever");
  return s->synchronize(timeout);
}

aclError aclrtSynchronizeStream(aclrtStream stream) { return aclrtSynchronizeStreamWithTimeout(stream, -1); }

aclError aclrtStreamQuery(aclrtStream stream, aclrtStreamStatus* status) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(require_pointer(status, "status"));
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(refuse_captured(*s, "aclrtStreamQuery"));
  bool complete = s->finished();
  *status = complete ? ACL_STREAM_STATUS_COMPLETE : ACL_STREAM_STATUS_NOT_READY;
  return complete ? s->report() : ACL_SUCCESS;
}

aclError aclrtStreamGetId(aclrtStream stream, int32_t* streamId) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(require_pointer(streamId, "streamId"));
  NPU_SIM_TRY(stream_of(stream, &s));
  *streamId = s->id;
  return ACL_SUCCESS;
}

aclError aclrtStreamGetPriority(aclrtStream stream, uint32_t* priority) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(require_pointer(priority, "priority"));
  NPU_SIM_TRY(stream_of(stream, &s));
  *priority = s->priority.load();
  return ACL_SUCCESS;
}

aclError aclrtDeviceGetStreamPriorityRange(int32_t* leastPriority, int32_t* greatestPriority) {
  if (leastPriority) *leastPriority = kLeastPriority;
  if (greatestPriority) *greatestPriority = kGreatestPriority;
  return ACL_SUCCESS;
}

aclError aclrtSetStreamFailureMode(aclrtStream stream, uint64_t mode) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  if (mode == ACL_STOP_ON_FAILURE) {
    s->stop_on_failure();
  } else if (mode != ACL_CONTINUE_ON_FAILURE) {
    return fail(ACL_ERROR_RT_PARAM_INVALID, "mode must be ACL_CONTINUE_ON_FAILURE or ACL_STOP_ON_FAILURE");
  }
  return ACL_SUCCESS;
}

aclError aclrtSetStreamAttribute(aclrtStream stream, aclrtStreamAttr stmAttrType,
                                 aclrtStreamAttrValue* value) {
  NPU_SIM_TRY(require_pointer(value, "value"));
  if (stmAttrType == ACL_STREAM_ATTR_FAILURE_MODE)
    return aclrtSetStreamFailureMode(stream, value->failureMode);
  // The shapes of captured operators are not kept: off is what there is, and on is answered as an older CANN
  // does, which the client copes with.
  if (stmAttrType == ACL_STREAM_ATTR_CACHE_OP_INFO)
    return value->cacheOpInfoSwitch == 0
               ? ACL_SUCCESS
               : fail(ACL_ERROR_RT_PARAM_INVALID, "npu-sim does not keep the shapes of captured operators");
  if (stmAttrType != ACL_STREAM_ATTR_PRIORITY)
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                "the simulator has no stream attribute " + std::to_string(stmAttrType));
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  if (value->streamPriority > kLeastPriority)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "priority must be 0 (greatest) to 7 (least)");
  s->priority.store(value->streamPriority);
  return ACL_SUCCESS;
}
