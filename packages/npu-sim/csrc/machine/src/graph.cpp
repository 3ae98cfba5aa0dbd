#include "npu_sim/graph.h"

#include <atomic>
#include <sstream>

#include "execution.h"
#include "npu_sim/device.h"
#include "npu_sim/machine.h"
#include "npu_sim/memory.h"

namespace npu_sim {
namespace {

uint32_t next_graph_id() {
  static std::atomic<uint32_t> next{0};
  return next++;
}

const char* kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::signal:
      return "EVENT_RECORD";
    case Node::Kind::wait:
      return "EVENT_WAIT";
    case Node::Kind::branch:
      return "CONDITION";
    case Node::Kind::task:
      break;
  }
  return node.engine == Engine::compute ? "KERNEL" : node.engine == Engine::copy ? "COPY" : "HOST";
}

}  // namespace

HandleTable<Graph>& graphs() {
  static auto* table = new HandleTable<Graph>(6);
  return *table;
}

HandleTable<TaskGroup>& task_groups() {
  static auto* table = new HandleTable<TaskGroup>(7);
  return *table;
}

HandleTable<Condition>& conditions() {
  static auto* table = new HandleTable<Condition>(8);
  return *table;
}

int Condition::allocate() {
  constexpr uint64_t kBytes = 512;
  block_ = DeviceBlock(device_.memory, kBytes, kBytes);
  if (!address())
    return fail(ACL_ERROR_RT_MEMORY_ALLOCATION,
                "npu:" + std::to_string(device_.id) + " has no " + std::to_string(kBytes) + " bytes left");
  set(initial);
  return 0;
}

uint64_t Condition::value() const {
  return std::atomic_ref<uint64_t>(*shadow(address())).load(std::memory_order_acquire);
}

void Condition::set(uint64_t value) {
  std::atomic_ref<uint64_t>(*shadow(address())).store(value, std::memory_order_release);
}

Graph::Graph(std::shared_ptr<Context> context) : id(next_graph_id()), context(std::move(context)) {}

Graph::~Graph() {
  for (aclrtTaskGrp group : groups) task_groups().remove(group);
  for (aclmdlRICondHandle condition : condition_handles) npu_sim::conditions().remove(condition);
  for (const auto& body : bodies) graphs().remove(body->handle);
  for (const auto& stream : streams_)
    if (stream) {
      streams().remove(stream->handle);
      stream->close();
    }
}

std::shared_ptr<Stream> Graph::stream_of_lane(size_t lane) {
  std::lock_guard lock(mutex_);
  if (streams_.size() < lanes.size()) streams_.resize(lanes.size());
  if (!streams_[lane]) streams_[lane] = context->create_stream(0, 0, nullptr);
  return streams_[lane];
}

bool Graph::enter(const Stream& waiter) {
  std::unique_lock lock(mutex_);
  while (running_) {
    if (waiter.aborted() || exiting.load()) return false;
    left_.wait_for(lock, std::chrono::milliseconds(20));
  }
  running_ = true;
  return true;
}

void Graph::leave() {
  {
    std::lock_guard lock(mutex_);
    running_ = false;
  }
  left_.notify_all();
}

int Graph::execute(Stream& stream) {
  std::shared_ptr<PendingActivity> activity(pending_activity());
  auto execution = std::make_unique<Execution>(shared_from_this(), stream, std::move(activity));
  auto run = [execution = std::move(execution), worker = &stream] { return execution->run(*worker); };
  return stream.enqueue("aclmdlRIExecuteAsync", std::move(run), Engine::host, nullptr);
}

void Graph::replace(const std::vector<size_t>& group, std::vector<std::shared_ptr<Task>> tasks) {
  std::lock_guard lock(tasks_mutex_);
  for (size_t i = 0; i < group.size(); ++i) nodes[group[i]].task.swap(tasks[i]);
}

std::shared_ptr<Task> Graph::task_of(const Node& node) const {
  std::lock_guard lock(tasks_mutex_);
  return node.task;
}

std::string Graph::describe() const {
  std::string text = "model " + std::to_string(id) + " of npu:" + std::to_string(context->device.id) + ": " +
                     std::to_string(nodes.size()) + " tasks on " + std::to_string(lanes.size()) +
                     " streams\n";
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& n = nodes[i];
    text += "  task " + std::to_string(i) + ", stream " + std::to_string(n.lane) + ": " + kind_name(n) + " " +
            n.name;
    if (n.kind == Node::Kind::signal || n.kind == Node::Kind::wait)
      text += " (edge " + std::to_string(n.signal) + ")";
    text += "\n";
  }
  return text;
}

// A list of events for chrome://tracing, under the names that CANN's has: tools pair a record with its wait
// by the number at the end.
std::string Graph::describe_json() const {
  std::string text = "[";
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& n = nodes[i];
    const std::string lane = std::to_string(n.lane), model = std::to_string(id);
    const bool edge = n.kind == Node::Kind::signal || n.kind == Node::Kind::wait;
    const std::string name = edge      ? std::string(kind_name(n)) + "_" + std::to_string(n.signal)
                             : *n.name ? n.name
                                       : kind_name(n);
    std::ostringstream row;
    row << (i ? ",\n" : "\n") << R"(  {"name": ")" << name << R"(", "ph": "X", "pid": "model)" << model
        << R"(", "tid": "stream)" << lane << R"(", "ts": )" << i << R"(, "dur": 1, "args": {"Model Id": )"
        << model << R"(, "Stream Id": )" << lane << R"(, "Task Id": )" << i << R"(, "Task Type": ")"
        << kind_name(n) << R"("}})";
    text += row.str();
  }
  return text + "\n]\n";
}

}  // namespace npu_sim
