// SPDX-License-Identifier: BSD-3-Clause
// What the files of captures share.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "npu_sim/capture.h"
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

// One lock for all captures: they are rare, and streams join each other's.
struct Captures {
  std::mutex mutex;
  std::vector<std::shared_ptr<Graph>> active;
  std::atomic<int> count{0};
};
Captures& captures();

int not_capturing();
int invalid(const Graph& graph);
// Marks a capture as invalid for the rest of its time; answers `code`.
int invalidate(Graph& graph, int code, std::string message);
size_t add_lane(Graph& graph, const std::shared_ptr<Stream>& stream);
Node& add_node(Graph& graph, size_t lane, Node::Kind kind, const char* name, Engine engine);
void leave_capture(Graph& graph);
// The diversion of a stream that captures, or an error.
int capture_of(Stream& stream, Diversion** diversion);

}  // namespace npu_sim
