// Beginning and ending a capture, and what a stream may not do meanwhile.
#include "npu_sim/capture.h"

#include <algorithm>

#include "capture_state.h"

namespace npu_sim {
namespace {

thread_local aclmdlRICaptureMode t_mode = ACL_MODEL_RI_CAPTURE_MODE_GLOBAL;

// Lanes whose last work lane 0 does not know of.
size_t unjoined(const Graph& graph) {
  size_t n = 0;
  for (size_t lane = 1; lane < graph.lanes.size(); ++lane)
    n += graph.known[0][lane] < graph.known[lane][lane];
  return n;
}

bool bodies_ready(const Graph& graph) {
  return std::all_of(graph.bodies.begin(), graph.bodies.end(),
                     [](const auto& body) { return body->state == Graph::State::ready; });
}

}  // namespace

int begin_capture(const std::shared_ptr<Stream>& stream, aclmdlRICaptureMode mode,
                  std::shared_ptr<Graph> into) {
  Captures& c = captures();
  std::lock_guard lock(c.mutex);
  if (stream->diversion())
    return fail(ACL_ERROR_RT_STREAM_CAPTURED, "the stream captures already: call aclmdlRICaptureEnd first");
  if (into && into->state != Graph::State::empty)
    return fail(ACL_ERROR_RT_MODEL_CAPTURED, "the model has been captured into already");
  std::shared_ptr<Context> context = contexts().find(stream->context->handle);
  if (!context) return fail(ACL_ERROR_RT_CONTEXT_NULL, "the stream's context was destroyed");
  auto graph = into ? std::move(into) : std::make_shared<Graph>(std::move(context));
  if (!graph->handle) graph->handle = graphs().insert(graph);
  graph->state = Graph::State::capturing;
  graph->mode = mode;
  graph->thread = std::this_thread::get_id();
  auto diversion = std::make_shared<Diversion>();
  diversion->lane = add_lane(*graph, stream);
  diversion->graph = graph;
  stream->divert(std::move(diversion));
  c.active.push_back(std::move(graph));
  c.count.store(static_cast<int>(c.active.size()));
  return 0;
}

int end_capture(const std::shared_ptr<Stream>& stream, std::shared_ptr<Graph>* out) {
  Captures& c = captures();
  std::lock_guard lock(c.mutex);
  Diversion* d = stream->diversion();
  if (!d || !d->graph) return not_capturing();
  auto graph = d->graph;
  if (d->lane != 0)
    return fail(ACL_ERROR_RT_STREAM_CAPTURE_UNMATCHED,
                "the capture began on another stream, which an event made this one join: end it there");
  if (graph->mode != ACL_MODEL_RI_CAPTURE_MODE_RELAXED && graph->thread != std::this_thread::get_id())
    return fail(ACL_ERROR_RT_STREAM_CAPTURE_WRONG_THREAD,
                "the thread that began the capture must end it, unless its mode is "
                "ACL_MODEL_RI_CAPTURE_MODE_RELAXED");
  if (!bodies_ready(*graph))
    return fail(ACL_ERROR_RT_SUB_ACLGRAPH_IS_CAPTURING,
                "a body of a condition is not captured: call aclmdlRICaptureToModelRIBegin and "
                "aclmdlRICaptureEnd for each first");
  const bool group_open = d->group != nullptr;
  leave_capture(*graph);
  int code = 0;
  if (graph->state == Graph::State::invalid) {
    code = invalid(*graph);
  } else if (group_open) {
    code = fail(ACL_ERROR_STREAM_TASK_GROUP_STATUS,
                "a task group is open: call aclmdlRICaptureTaskGrpEnd first");
  } else if (size_t n = unjoined(*graph)) {
    code = fail(ACL_ERROR_RT_STREAM_UNJOINED,
                std::to_string(n) +
                    " streams joined the capture and have work that its first stream does not wait "
                    "for: record an event on each after its last task, and wait for it there");
  }
  if (code) {
    graph->state = Graph::State::invalid;
    if (!graph->is_body) graphs().remove(graph->handle);
    return code;
  }
  graph->state = Graph::State::ready;
  *out = std::move(graph);
  return 0;
}

aclmdlRICaptureStatus capture_status(const Stream& stream, std::shared_ptr<Graph>* graph) {
  if (!stream.diverted()) return ACL_MODEL_RI_CAPTURE_STATUS_NONE;
  std::lock_guard lock(captures().mutex);
  const Diversion* d = stream.diversion();
  if (!d || !d->graph) return ACL_MODEL_RI_CAPTURE_STATUS_NONE;
  if (graph) *graph = d->graph;
  return d->graph->state == Graph::State::invalid ? ACL_MODEL_RI_CAPTURE_STATUS_INVALIDATED
                                                  : ACL_MODEL_RI_CAPTURE_STATUS_ACTIVE;
}

bool capturing(const Stream& stream) {
  return capture_status(stream, nullptr) != ACL_MODEL_RI_CAPTURE_STATUS_NONE;
}

bool deferring(const Stream& stream) { return stream.diverted(); }

aclmdlRICaptureMode exchange_capture_mode(aclmdlRICaptureMode mode) { return std::exchange(t_mode, mode); }

int check_capture_allows(const char* call, const Context& context, int code) {
  Captures& c = captures();
  if (c.count.load(std::memory_order_relaxed) == 0) return 0;
  std::lock_guard lock(c.mutex);
  for (const auto& graph : c.active) {
    if (graph->context.get() != &context || graph->mode == ACL_MODEL_RI_CAPTURE_MODE_RELAXED) continue;
    if (t_mode == ACL_MODEL_RI_CAPTURE_MODE_RELAXED) continue;
    const bool mine = graph->thread == std::this_thread::get_id();
    const bool forbidden = mine || (graph->mode == ACL_MODEL_RI_CAPTURE_MODE_GLOBAL &&
                                    t_mode != ACL_MODEL_RI_CAPTURE_MODE_THREAD_LOCAL);
    if (forbidden)
      return fail(code,
                  std::string(call) +
                      " acts at once and is not captured, which the mode of the capture forbids to this "
                      "thread: call aclmdlRICaptureThreadExchangeMode with "
                      "ACL_MODEL_RI_CAPTURE_MODE_RELAXED around it");
  }
  return 0;
}

int refuse_captured(const Stream& stream, const char* call) {
  if (!capturing(stream)) return 0;
  return fail(
      ACL_ERROR_RT_STREAM_CAPTURED,
      std::string(call) + ": the stream captures, so its tasks do not run: call aclmdlRICaptureEnd first");
}

int refuse_captured(const Device& device, const char* call) {
  if (captures().count.load(std::memory_order_relaxed) == 0) return 0;
  for (const auto& stream : device.streams())
    if (int code = refuse_captured(*stream, call)) return code;
  return 0;
}

int divert(Stream& stream, const char* name, Task task, Engine engine) {
  std::lock_guard lock(captures().mutex);
  Diversion* d = stream.diversion();
  if (!d)  // the capture ended between the caller's look and this
    return fail(ACL_ERROR_RT_STREAM_CAPTURED,
                std::string(name) + ": another thread ended the stream's capture");
  if (d->group && engine != Engine::compute) {
    if (!d->graph)
      return fail(ACL_ERROR_RT_TASK_TYPE_NOT_SUPPORT, std::string(name) + ": an update takes operators only");
    return invalidate(*d->graph, ACL_ERROR_RT_TASK_TYPE_NOT_SUPPORT,
                      std::string(name) + ": a task group takes operators only");
  }
  auto shared = std::make_shared<Task>(std::move(task));
  if (!d->graph) {
    d->update.push_back(std::move(shared));
    d->names.push_back(name);
    return 0;
  }
  if (d->graph->state == Graph::State::invalid) return invalid(*d->graph);
  if (d->group) d->group->nodes.push_back(d->graph->nodes.size());
  add_node(*d->graph, d->lane, Node::Kind::task, name, engine).task = std::move(shared);
  return 0;
}

}  // namespace npu_sim
