#include "execution.h"

#include "npu_sim/device.h"
#include "npu_sim/machine.h"

namespace npu_sim {

Execution::Execution(std::shared_ptr<Graph> graph, Stream& owner, std::shared_ptr<PendingActivity> activity)
    : graph_(std::move(graph)), owner_(owner), activity_(std::move(activity)) {
  for (size_t i = 0; i < graph_->signals; ++i) signals_.push_back(std::make_shared<Mark>(nullptr));
  made_.resize(graph_->nodes.size());
  for (size_t i = 0; i < made_.size(); ++i)
    if (const Node& node = graph_->nodes[i]; node.make) made_[i] = std::make_unique<Task>(node.make(owner));
}

bool Execution::cut_short(const Stream& worker) const {
  return owner_.aborted() || exiting.load() || worker.device.fault();
}

int Execution::run(Stream& worker) {
  if (!graph_->enter(owner_)) return 0;  // aborted, or the process ends
  for (const auto& c : graph_->conditions)
    if (c->assign && !graph_->is_body) c->set(c->initial);
  const int code = run_lanes(worker);
  std::string message = code ? take_error_message() : std::string();
  graph_->leave();
  return code ? fail(code, std::move(message)) : 0;
}

int Execution::run_lanes(Stream& worker) {
  std::vector<std::shared_ptr<Stream>> streams;
  std::vector<std::shared_ptr<Mark>> ends;
  for (size_t lane = 1; lane < graph_->lanes.size(); ++lane) {
    auto stream = graph_->stream_of_lane(lane);
    auto end = std::make_shared<Mark>(nullptr);
    auto run = [this, lane, end, s = stream.get()] {
      run_lane(lane, *s);
      end->reach();
      return 0;
    };
    // Refused when the context has ended: then nobody looks at its results either.
    if (stream->enqueue("aclmdlRIExecuteAsync", run, Engine::host, nullptr)) end->reach();
    streams.push_back(std::move(stream));
    ends.push_back(std::move(end));
  }
  run_lane(0, worker);
  // The lanes use this object until they end; a process that is exiting stays here with them.
  for (const auto& end : ends)
    while (!end->wait(Clock::time_point::max(), nullptr)) continue;
  for (const auto& stream : streams)
    if (int code = stream->report()) return code;
  return 0;
}

void Execution::run_lane(size_t lane, Stream& worker) {
  for (size_t index : graph_->lanes[lane]) run_node(index, worker);
}

void Execution::run_node(size_t index, Stream& worker) {
  const Node& node = graph_->nodes[index];
  switch (node.kind) {
    case Node::Kind::signal:
      signals_[node.signal]->reach();  // also when cut short: other lanes look themselves
      return;
    case Node::Kind::wait:
      signals_[node.signal]->wait(Clock::time_point::max(), &owner_);
      return;
    case Node::Kind::branch:
      run_branch(*node.branch, worker);
      return;
    case Node::Kind::task:
      break;
  }
  if (node.engine != Engine::host && cut_short(worker)) return;
  PendingActivity activity{activity_ ? activity_->correlation : 0, node.facts};
  const PendingActivity* told = activity_ ? &activity : nullptr;
  if (made_[index]) {
    worker.run({node.name, *made_[index], node.engine, told});
    made_[index].reset();  // what it holds ends with its turn
  } else {
    auto task = graph_->task_of(node);  // kept, while an update may replace it
    worker.run({node.name, *task, node.engine, told});
  }
}

void Execution::run_branch(const Branch& branch, Stream& worker) {
  auto body = [&](size_t i) {
    Execution execution(branch.bodies[i], owner_, activity_);
    execution.run(worker);
  };
  uint64_t value = branch.condition->value();
  switch (branch.type) {
    case ACL_MODEL_RI_COND_TYPE_IF:
      if (value) {
        body(0);
      } else if (branch.bodies.size() > 1) {
        body(1);
      }
      return;
    case ACL_MODEL_RI_COND_TYPE_WHILE:
      while (!cut_short(worker) && branch.condition->value()) body(0);
      return;
    case ACL_MODEL_RI_COND_TYPE_SWITCH:
      if (value < branch.bodies.size()) body(value);
      return;
  }
}

}  // namespace npu_sim
