// What becomes a node of a graph that is not simply a task: conditions, events, what each execution makes
// anew.
#include <algorithm>

#include "capture_state.h"

namespace npu_sim {

int capture_made(Stream& stream, const char* name, MakeTask make, Engine engine) {
  std::lock_guard lock(captures().mutex);
  Diversion* d = nullptr;
  if (int code = capture_of(stream, &d)) return code;
  if (d->group)
    return invalidate(*d->graph, ACL_ERROR_RT_TASK_TYPE_NOT_SUPPORT,
                      std::string(name) + ": a task group takes operators only");
  add_node(*d->graph, d->lane, Node::Kind::task, name, engine).make = std::move(make);
  return 0;
}

int capture_condition(Graph& graph, uint32_t initial, bool assign, aclmdlRICondHandle* handle) {
  auto condition = std::make_shared<Condition>(graph.context->device, initial, assign);
  if (int code = condition->allocate()) return code;
  std::lock_guard lock(captures().mutex);
  if (graph.state != Graph::State::capturing)
    return fail(ACL_ERROR_INVALID_PARAM, "a condition is made while its model is captured");
  graph.conditions.push_back(condition);
  *handle = conditions().insert(std::move(condition));
  graph.condition_handles.push_back(*handle);
  return 0;
}

int capture_branch(Stream& stream, const std::shared_ptr<Condition>& condition, aclmdlRICondTaskType type,
                   size_t size, std::vector<std::shared_ptr<Graph>>* bodies) {
  std::lock_guard lock(captures().mutex);
  Diversion* d = nullptr;
  if (int code = capture_of(stream, &d)) return code;
  Graph& graph = *d->graph;
  if (std::find(graph.conditions.begin(), graph.conditions.end(), condition) == graph.conditions.end())
    return fail(ACL_ERROR_INVALID_PARAM,
                "the condition belongs to another model than the one that the stream captures");
  if (condition->used) return fail(ACL_ERROR_INVALID_PARAM, "the condition is used by another task already");
  condition->used = true;
  auto branch = std::make_shared<Branch>(Branch{condition, type, {}});
  for (size_t i = 0; i < size; ++i) {
    auto body = std::make_shared<Graph>(graph.context);
    body->is_body = true;
    body->handle = graphs().insert(body);
    graph.bodies.push_back(body);
    branch->bodies.push_back(std::move(body));
  }
  *bodies = branch->bodies;
  add_node(graph, d->lane, Node::Kind::branch, "aclmdlRIAddCondTask", Engine::host).branch =
      std::move(branch);
  return 0;
}

int capture_record(Stream& stream, std::shared_ptr<CapturePoint>* point) {
  std::lock_guard lock(captures().mutex);
  Diversion* d = nullptr;
  if (int code = capture_of(stream, &d)) return code;
  Graph& graph = *d->graph;
  auto made = std::make_shared<CapturePoint>();
  made->graph = d->graph;
  made->lane = d->lane;
  made->signal = graph.signals++;
  made->known = graph.known[d->lane];
  add_node(graph, d->lane, Node::Kind::signal, "aclrtRecordEvent", Engine::host).signal = made->signal;
  *point = std::move(made);
  return 0;
}

int capture_wait(Stream& stream, const CapturePoint& point) {
  std::lock_guard lock(captures().mutex);
  auto graph = point.graph.lock();
  if (!graph || graph->state != Graph::State::capturing)
    return graph && graph->state == Graph::State::invalid ? invalid(*graph) : 0;
  Diversion* d = stream.diversion();
  if (d && d->graph != graph)
    return fail(ACL_ERROR_STREAM_CAPTURE_CONFLICT,
                "the event was recorded in another capture than the one of this stream");
  if (!d) {
    if (stream.context != graph->context.get())
      return invalidate(*graph, ACL_ERROR_RT_MODEL_CONTEXT,
                        "a stream of another context cannot join the capture");
    auto joined = std::make_shared<Diversion>();
    joined->graph = graph;
    joined->lane = add_lane(*graph, stream.shared_from_this());
    d = joined.get();
    stream.divert(std::move(joined));
  }
  if (d->lane == point.lane) return 0;  // ordered already
  auto& known = graph->known[d->lane];
  for (size_t i = 0; i < point.known.size(); ++i) known[i] = std::max(known[i], point.known[i]);
  add_node(*graph, d->lane, Node::Kind::wait, "aclrtStreamWaitEvent", Engine::host).signal = point.signal;
  return 0;
}

bool capture_goes_on(const CapturePoint& point) {
  std::lock_guard lock(captures().mutex);
  auto graph = point.graph.lock();
  return graph && (graph->state == Graph::State::capturing || graph->state == Graph::State::invalid);
}

int capture_depends_outside(Stream& stream) {
  std::lock_guard lock(captures().mutex);
  Diversion* d = nullptr;
  if (int code = capture_of(stream, &d)) return code;
  return invalidate(
      *d->graph, ACL_ERROR_RT_CAPTURE_DEPENDENCY,
      "the event was recorded outside of the capture: a captured stream waits only for events of its "
      "capture, or for one that was created with ACL_EVENT_EXTERNAL");
}

}  // namespace npu_sim
