#include "npu_sim/capture.h"

#include <algorithm>
#include <vector>

#include "npu_sim/device.h"

namespace npu_sim {

// What a diverted stream does with its tasks.
struct Diversion {
  std::shared_ptr<Graph> graph;  // captures into it; null while a group is updated
  size_t lane = 0;
  std::shared_ptr<TaskGroup> group;  // open in the capture, or being updated
  std::vector<std::shared_ptr<Task>> update;
  std::vector<const char*> names;
};

namespace {

// One lock for all captures: they are rare, and streams join each other's.
struct Captures {
  std::mutex mutex;
  std::vector<std::shared_ptr<Graph>> active;
  std::atomic<int> count{0};
};

Captures& captures() {
  static auto* c = new Captures;
  return *c;
}

thread_local aclmdlRICaptureMode t_mode = ACL_MODEL_RI_CAPTURE_MODE_GLOBAL;

int not_capturing() {
  return fail(ACL_ERROR_RT_STREAM_NOT_CAPTURED,
              "the stream does not capture: call aclmdlRICaptureBegin first");
}

int invalid(const Graph& graph) {
  return fail(ACL_ERROR_RT_STREAM_CAPTURE_INVALIDATED,
              "the capture is invalid since an earlier call: " + graph.fault);
}

// Marks a capture as invalid for the rest of its time; answers `code`.
int invalidate(Graph& graph, int code, std::string message) {
  if (graph.state == Graph::State::capturing) {
    graph.state = Graph::State::invalid;
    graph.fault = message;
  }
  return fail(code, std::move(message));
}

size_t add_lane(Graph& graph, const std::shared_ptr<Stream>& stream) {
  graph.lanes.emplace_back();
  graph.captured.push_back(stream);
  for (auto& known : graph.known) known.resize(graph.lanes.size());
  graph.known.emplace_back(graph.lanes.size());
  return graph.lanes.size() - 1;
}

// What only marks a place is nothing that must come back.
Node& add_node(Graph& graph, size_t lane, Node::Kind kind, const char* name, Engine engine) {
  Node node;
  node.kind = kind;
  node.name = name;
  node.engine = engine;
  node.lane = lane;
  if (const CallScope* scope = CallScope::current(); scope && scope->observed()) node.facts = scope->facts();
  graph.lanes[lane].push_back(graph.nodes.size());
  graph.nodes.push_back(std::move(node));
  if (kind != Node::Kind::signal) graph.known[lane][lane] = graph.lanes[lane].size();
  return graph.nodes.back();
}

void leave_capture(Graph& graph) {
  for (const auto& weak : graph.captured)
    if (auto stream = weak.lock()) stream->divert(nullptr);
  auto& active = captures().active;
  std::erase_if(active, [&](const auto& g) { return g.get() == &graph; });
  captures().count.store(static_cast<int>(active.size()));
}

// The diversion of a stream that captures, or an error.
int capture_of(Stream& stream, Diversion** diversion) {
  *diversion = stream.diversion();
  if (!*diversion || !(*diversion)->graph) return not_capturing();
  if ((*diversion)->graph->state == Graph::State::invalid) return invalid(*(*diversion)->graph);
  return 0;
}

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

int begin_task_group(const std::shared_ptr<Stream>& stream) {
  std::lock_guard lock(captures().mutex);
  Diversion* d = nullptr;
  if (int code = capture_of(*stream, &d)) return code;
  if (d->group) return fail(ACL_ERROR_STREAM_TASK_GROUP_STATUS, "the stream has an open task group already");
  d->group = std::make_shared<TaskGroup>();
  d->group->graph = d->graph;
  return 0;
}

int end_task_group(const std::shared_ptr<Stream>& stream, aclrtTaskGrp* handle) {
  std::lock_guard lock(captures().mutex);
  Diversion* d = nullptr;
  int code = capture_of(*stream, &d);
  if (!d || !d->graph) return code;
  if (!d->group)
    return code ? code : fail(ACL_ERROR_STREAM_TASK_GROUP_STATUS, "the stream has no open task group");
  auto group = std::move(d->group);
  d->group = nullptr;
  *handle = nullptr;
  if (code) return code;
  *handle = task_groups().insert(std::move(group));
  d->graph->groups.push_back(*handle);
  return 0;
}

int begin_task_update(const std::shared_ptr<Stream>& stream, aclrtTaskGrp handle) {
  auto group = task_groups().find(handle);
  if (!group) return fail(ACL_ERROR_RT_INVALID_HANDLE, "the handle names no task group of a living model");
  std::lock_guard lock(captures().mutex);
  if (Diversion* d = stream->diversion())
    return d->graph ? fail(ACL_ERROR_RT_STREAM_CAPTURED, "a stream that captures cannot update a task group")
                    : fail(ACL_ERROR_STREAM_TASK_GROUP_STATUS, "the stream updates a task group already");
  auto graph = group->graph.lock();
  if (!graph || graph->state != Graph::State::ready)
    return fail(ACL_ERROR_RT_MODEL_CAPTURED, "the model of the task group is not captured to its end");
  auto diversion = std::make_shared<Diversion>();
  diversion->group = std::move(group);
  stream->divert(std::move(diversion));
  return 0;
}

int end_task_update(const std::shared_ptr<Stream>& stream) {
  std::shared_ptr<Graph> graph;
  std::vector<size_t> nodes;
  std::vector<std::shared_ptr<Task>> tasks;
  {
    std::lock_guard lock(captures().mutex);
    Diversion* d = stream->diversion();
    if (!d || d->graph)
      return fail(ACL_ERROR_STREAM_TASK_GROUP_STATUS,
                  "the stream updates no task group: call aclmdlRICaptureTaskUpdateBegin first");
    graph = d->group->graph.lock();
    nodes = d->group->nodes;
    tasks = std::move(d->update);
    auto names = std::move(d->names);
    stream->divert(nullptr);
    if (!graph) return fail(ACL_ERROR_RT_MODEL_UPDATE_FAILED, "the model of the task group was destroyed");
    if (tasks.size() != nodes.size())
      return fail(ACL_ERROR_RT_MODEL_UPDATE_FAILED, "an update replaces every task of the group: it has " +
                                                        std::to_string(nodes.size()) + ", found " +
                                                        std::to_string(tasks.size()));
    for (size_t i = 0; i < nodes.size(); ++i)
      if (const char* was = graph->nodes[nodes[i]].name; std::string(was) != names[i])
        return fail(ACL_ERROR_RT_MODEL_UPDATE_FAILED,
                    "task " + std::to_string(i) + " of the group is " + was + ", its update " + names[i]);
  }
  auto swap = [graph, nodes, tasks = std::move(tasks)]() mutable {
    graph->replace(nodes, std::move(tasks));
    return 0;
  };
  return stream->enqueue("aclmdlRICaptureTaskUpdate", std::move(swap), Engine::host, nullptr);
}

}  // namespace npu_sim
