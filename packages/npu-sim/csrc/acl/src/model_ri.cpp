// aclmdlRI*: what streams captured, as models that run again and again.
#include <cstdio>
#include <fstream>

#include "abi.h"
#include "npu_sim/capture.h"

using namespace npu_sim;

namespace {

int graph_of(aclmdlRI handle, std::shared_ptr<Graph>* graph) {
  return find_live(graphs(), handle, "model", graph);
}

// A model that was captured to its end.
int ready_graph(aclmdlRI handle, std::shared_ptr<Graph>* graph) {
  NPU_SIM_TRY(graph_of(handle, graph));
  switch ((*graph)->state.load()) {
    case Graph::State::ready:
      return 0;
    case Graph::State::invalid:
      return fail(ACL_ERROR_RT_STREAM_CAPTURE_INVALIDATED, "the capture of the model failed");
    default:
      return fail(ACL_ERROR_RT_MODEL_CAPTURED, "the model is being captured: call aclmdlRICaptureEnd first");
  }
}

int require_mode(aclmdlRICaptureMode mode) {
  if (mode >= ACL_MODEL_RI_CAPTURE_MODE_GLOBAL && mode <= ACL_MODEL_RI_CAPTURE_MODE_RELAXED) return 0;
  return fail(ACL_ERROR_RT_PARAM_INVALID, "unknown capture mode " + std::to_string(mode));
}

// Not the default one, which every thread of the context shares.
int capturable(aclrtStream handle, std::shared_ptr<Stream>* stream) {
  NPU_SIM_TRY(stream_of(handle, stream));
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_context(&context));
  if (*stream == context->default_stream())
    return fail(ACL_ERROR_RT_STREAM_CAPTURE_IMPLICIT,
                "the default stream cannot be captured: use a stream of aclrtCreateStream");
  return 0;
}

int require_body_count(const aclmdlRICondTaskParams& params) {
  const bool fits = params.type == ACL_MODEL_RI_COND_TYPE_IF      ? params.size == 1 || params.size == 2
                    : params.type == ACL_MODEL_RI_COND_TYPE_WHILE ? params.size == 1
                                                                  : params.size > 0;
  if (params.type < ACL_MODEL_RI_COND_TYPE_IF || params.type > ACL_MODEL_RI_COND_TYPE_SWITCH || !fits)
    return fail(ACL_ERROR_INVALID_PARAM,
                "an if has one or two bodies, a while one, a switch at least one: found type " +
                    std::to_string(params.type) + " with " + std::to_string(params.size));
  return 0;
}

}  // namespace

aclError aclmdlRICaptureBegin(aclrtStream stream, aclmdlRICaptureMode mode) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(require_mode(mode));
  NPU_SIM_TRY(capturable(stream, &s));
  return begin_capture(s, mode, nullptr);
}

aclError aclmdlRICaptureToModelRIBegin(aclrtStream stream, aclmdlRI modelRI, aclmdlRICaptureMode mode) {
  std::shared_ptr<Stream> s;
  std::shared_ptr<Graph> body;
  NPU_SIM_TRY(require_mode(mode));
  NPU_SIM_TRY(capturable(stream, &s));
  NPU_SIM_TRY(graph_of(modelRI, &body));
  if (!body->is_body)
    return fail(ACL_ERROR_INVALID_PARAM, "only a model that aclmdlRIAddCondTask made is captured into");
  return begin_capture(s, mode, std::move(body));
}

aclError aclmdlRICaptureEnd(aclrtStream stream, aclmdlRI* modelRI) {
  std::shared_ptr<Stream> s;
  std::shared_ptr<Graph> graph;
  if (modelRI) *modelRI = nullptr;
  NPU_SIM_TRY(stream_of(stream, &s));
  if (capture_status(*s, &graph) != ACL_MODEL_RI_CAPTURE_STATUS_NONE && !graph->is_body)
    NPU_SIM_TRY(require_pointer(modelRI, "modelRI"));
  NPU_SIM_TRY(end_capture(s, &graph));
  if (modelRI) *modelRI = graph->handle;
  return ACL_SUCCESS;
}

aclError aclmdlRICaptureGetInfo(aclrtStream stream, aclmdlRICaptureStatus* status, aclmdlRI* modelRI) {
  std::shared_ptr<Stream> s;
  std::shared_ptr<Graph> graph;
  NPU_SIM_TRY(require_pointer(status, "status"));
  NPU_SIM_TRY(stream_of(stream, &s));
  *status = capture_status(*s, &graph);
  if (modelRI) *modelRI = graph ? graph->handle : nullptr;
  return ACL_SUCCESS;
}

aclError aclmdlRICaptureThreadExchangeMode(aclmdlRICaptureMode* mode) {
  NPU_SIM_TRY(require_pointer(mode, "mode"));
  NPU_SIM_TRY(require_mode(*mode));
  *mode = exchange_capture_mode(*mode);
  return ACL_SUCCESS;
}

aclError aclmdlRICaptureTaskGrpBegin(aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  return begin_task_group(s);
}

aclError aclmdlRICaptureTaskGrpEnd(aclrtStream stream, aclrtTaskGrp* handle) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(stream_of(stream, &s));
  return end_task_group(s, handle);
}

aclError aclmdlRICaptureTaskUpdateBegin(aclrtStream stream, aclrtTaskGrp handle) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(stream_of(stream, &s));
  return begin_task_update(s, handle);
}

aclError aclmdlRICaptureTaskUpdateEnd(aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  return end_task_update(s);
}

aclError aclmdlRIExecuteAsync(aclmdlRI modelRI, aclrtStream stream) {
  std::shared_ptr<Graph> graph;
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(ready_graph(modelRI, &graph));
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(refuse_captured(*s, "aclmdlRIExecuteAsync"));
  if (graph->is_body)
    return fail(ACL_ERROR_INVALID_PARAM, "a body of a condition runs as a part of its model only");
  if (graph->context.get() != s->context)
    return fail(ACL_ERROR_RT_MODEL_CONTEXT, "the model was captured in another context, of npu:" +
                                                std::to_string(graph->context->device.id));
  const CallScope scope("aclmdlRIExecuteAsync");
  return graph->execute(*s);
}

// Executions that have begun go on to their end.
aclError aclmdlRIDestroy(aclmdlRI modelRI) {
  std::shared_ptr<Graph> graph;
  NPU_SIM_TRY(graph_of(modelRI, &graph));
  if (graph->is_body) return fail(ACL_ERROR_INVALID_PARAM, "a body of a condition ends with its model");
  if (graph->state == Graph::State::capturing)
    return fail(ACL_ERROR_RT_MODEL_CAPTURED, "the model is being captured: call aclmdlRICaptureEnd first");
  graphs().remove(modelRI);
  return ACL_SUCCESS;
}

aclError aclmdlRIGetId(aclmdlRI modelRI, uint32_t* modelRIId) {
  std::shared_ptr<Graph> graph;
  NPU_SIM_TRY(require_pointer(modelRIId, "modelRIId"));
  NPU_SIM_TRY(graph_of(modelRI, &graph));
  *modelRIId = graph->id;
  return ACL_SUCCESS;
}

aclError aclmdlRIDebugPrint(aclmdlRI modelRI) {
  std::shared_ptr<Graph> graph;
  NPU_SIM_TRY(ready_graph(modelRI, &graph));
  std::fputs(graph->describe().c_str(), stderr);
  return ACL_SUCCESS;
}

aclError aclmdlRIDebugJsonPrint(aclmdlRI modelRI, const char* path, uint32_t flags) {
  std::shared_ptr<Graph> graph;
  NPU_SIM_TRY(require_pointer(path, "path"));
  NPU_SIM_TRY(ready_graph(modelRI, &graph));
  if (flags > ACL_MDLRI_DEBUG_JSON_PRINT_VERBOSE)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "flags must be 0 or 1, found " + std::to_string(flags));
  std::ofstream file(path);
  if (!file) return fail(ACL_ERROR_RT_FILE_OPEN, std::string("the file cannot be written: ") + path);
  file << graph->describe_json();
  return file.flush() ? ACL_SUCCESS
                      : fail(ACL_ERROR_RT_FILE_WRITE, std::string("the file cannot be written: ") + path);
}

aclError aclmdlRICondHandleCreate(aclmdlRI modelRI, uint32_t defaultLaunchValue, aclmdlRICondHandleFlag flag,
                                  aclmdlRICondHandle* handle) {
  std::shared_ptr<Graph> graph;
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(graph_of(modelRI, &graph));
  if (flag != 0 && flag != ACL_MODEL_RI_COND_HANDLE_ASSIGN_DEFAULT)
    return fail(ACL_ERROR_INVALID_PARAM, "flag must be 0 or ACL_MODEL_RI_COND_HANDLE_ASSIGN_DEFAULT");
  return capture_condition(*graph, defaultLaunchValue, flag != 0, handle);
}

aclError aclmdlRICondHandleGetCondPtr(aclmdlRICondHandle handle, uint64_t** ptr) {
  std::shared_ptr<Condition> condition;
  NPU_SIM_TRY(require_pointer(ptr, "ptr"));
  NPU_SIM_TRY(find_live(conditions(), handle, "condition", &condition));
  *ptr = condition->address();
  return ACL_SUCCESS;
}

aclError aclmdlRIAddCondTask(aclmdlRICondTaskParams params, aclrtStream stream, uint32_t flags) {
  std::shared_ptr<Stream> s;
  std::shared_ptr<Condition> condition;
  std::vector<std::shared_ptr<Graph>> bodies;
  NPU_SIM_TRY(find_live(conditions(), params.handle, "condition", &condition));
  NPU_SIM_TRY(require_pointer(params.modelRIArray, "modelRIArray"));
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(require_body_count(params));
  if (flags) return fail(ACL_ERROR_INVALID_PARAM, "flags must be 0");
  NPU_SIM_TRY(capture_branch(*s, condition, params.type, params.size, &bodies));
  for (size_t i = 0; i < bodies.size(); ++i) params.modelRIArray[i] = bodies[i]->handle;
  return ACL_SUCCESS;
}
