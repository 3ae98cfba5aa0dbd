// SPDX-License-Identifier: BSD-3-Clause
// What a capture recorded, and its executions.
//
// A graph is a list of nodes in the order of their calls, each on a lane: lane 0 is the stream on which the
// capture began, the others are streams that an event made join it. An execution runs lane 0 on the stream it
// was started on and every other lane on a stream of the graph's own; signals and waits between lanes stand
// where events were recorded and waited for. Executions of one graph follow each other.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "npu_sim/activity.h"
#include "npu_sim/context.h"
#include "npu_sim/device_memory.h"
#include "npu_sim/event.h"
#include "npu_sim/handle_table.h"
#include "npu_sim/queue.h"

namespace npu_sim {

class Graph;

// Makes the task of one execution, which is to run on `stream`.
using MakeTask = std::function<Task(Stream& stream)>;

// A value in device memory that decides which bodies of a branch run.
class NPU_SIM_API Condition {
 public:
  Condition(Device& device, uint32_t initial, bool assign)
      : initial(initial), assign(assign), device_(device) {}

  int allocate();
  uint64_t* address() const { return static_cast<uint64_t*>(block_.address()); }
  uint64_t value() const;
  void set(uint64_t value);

  const uint32_t initial;
  const bool assign;  // gets `initial` when an execution starts
  bool used = false;  // a branch looks at it already

 private:
  Device& device_;
  DeviceBlock block_;
};

struct Branch {
  std::shared_ptr<Condition> condition;
  aclmdlRICondTaskType type;
  std::vector<std::shared_ptr<Graph>> bodies;
};

struct Node {
  enum class Kind { task, signal, wait, branch } kind = Kind::task;
  const char* name = "";
  Engine engine = Engine::host;
  size_t lane = 0;
  size_t signal = 0;           // of a signal or a wait
  std::shared_ptr<Task> task;  // runs in every execution
  MakeTask make;               // or: each execution makes one
  std::shared_ptr<Branch> branch;
  ActivityFacts facts;
};

// Nodes whose tasks may be replaced between executions, or before an execution reaches them.
struct TaskGroup {
  std::weak_ptr<Graph> graph;
  std::vector<size_t> nodes;
};

class NPU_SIM_API Graph : public std::enable_shared_from_this<Graph> {
 public:
  enum class State { empty, capturing, invalid, ready };

  explicit Graph(std::shared_ptr<Context> context);
  Graph(const Graph&) = delete;  // executions refer to its nodes
  ~Graph();

  const uint32_t id;
  const std::shared_ptr<Context> context;
  aclmdlRI handle = nullptr;

  std::atomic<State> state{State::empty};
  // Written under the lock of capture.cpp, and not once the state is ready.
  aclmdlRICaptureMode mode = ACL_MODEL_RI_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;                              // that began it
  std::string fault;                                   // why it is invalid
  std::vector<std::weak_ptr<Stream>> captured;         // by lane
  std::vector<Node> nodes;                             // their tasks may be replaced later
  std::vector<std::vector<size_t>> lanes;              // nodes of each lane
  std::vector<std::vector<size_t>> known;              // of each lane: how much it knows of every lane
  std::vector<std::shared_ptr<Condition>> conditions;  // of this graph's branches
  std::vector<aclrtTaskGrp> groups;                    // their handles end with the graph
  std::vector<std::shared_ptr<Graph>> bodies;          // of its branches
  std::vector<aclmdlRICondHandle> condition_handles;   // these too
  size_t signals = 0;
  bool is_body = false;

  // Enqueues one execution.
  int execute(Stream& stream);
  // Gives the nodes of a group other tasks; takes effect for nodes that no execution has reached.
  void replace(const std::vector<size_t>& group, std::vector<std::shared_ptr<Task>> tasks);
  std::shared_ptr<Task> task_of(const Node& node) const;

  // One line a node, and the same as a file for chrome://tracing.
  std::string describe() const;
  std::string describe_json() const;

 private:
  friend class Execution;
  // The stream of a lane other than 0, made by the first execution.
  std::shared_ptr<Stream> stream_of_lane(size_t lane);

  // One execution at a time.
  bool enter(const Stream& waiter);
  void leave();

  mutable std::mutex tasks_mutex_;
  std::mutex mutex_;
  std::condition_variable left_;
  bool running_ = false;
  std::vector<std::shared_ptr<Stream>> streams_;
};

NPU_SIM_API HandleTable<Graph>& graphs();
NPU_SIM_API HandleTable<TaskGroup>& task_groups();
NPU_SIM_API HandleTable<Condition>& conditions();

}  // namespace npu_sim
