// SPDX-License-Identifier: BSD-3-Clause
// One run of a graph.
#pragma once

#include <memory>
#include <vector>

#include "npu_sim/graph.h"

namespace npu_sim {

class Execution {
 public:
  // Makes what nodes make anew for each execution. `owner`: the stream whose abort ends it.
  Execution(std::shared_ptr<Graph> graph, Stream& owner, std::shared_ptr<PendingActivity> activity);

  // On `worker`, the calling thread's stream: all lanes, until the last ended. The first error of another
  // lane than 0.
  int run(Stream& worker);

 private:
  void run_lane(size_t lane, Stream& worker);
  void run_node(size_t index, Stream& worker);
  void run_branch(const Branch& branch, Stream& worker);
  int run_lanes(Stream& worker);
  bool cut_short(const Stream& worker) const;

  const std::shared_ptr<Graph> graph_;
  Stream& owner_;
  const std::shared_ptr<PendingActivity> activity_;
  std::vector<std::shared_ptr<Mark>> signals_;
  std::vector<std::unique_ptr<Task>> made_;  // by node; null for those with a task of their own
};

}  // namespace npu_sim
