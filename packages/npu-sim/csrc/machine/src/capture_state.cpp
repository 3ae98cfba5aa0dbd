#include "capture_state.h"

namespace npu_sim {

Captures& captures() {
  static auto* c = new Captures;
  return *c;
}

int not_capturing() {
  return fail(ACL_ERROR_RT_STREAM_NOT_CAPTURED,
              "the stream does not capture: call aclmdlRICaptureBegin first");
}

int invalid(const Graph& graph) {
  return fail(ACL_ERROR_RT_STREAM_CAPTURE_INVALIDATED,
              "the capture is invalid since an earlier call: " + graph.fault);
}

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

int capture_of(Stream& stream, Diversion** diversion) {
  *diversion = stream.diversion();
  if (!*diversion || !(*diversion)->graph) return not_capturing();
  if ((*diversion)->graph->state == Graph::State::invalid) return invalid(*(*diversion)->graph);
  return 0;
}

}  // namespace npu_sim
