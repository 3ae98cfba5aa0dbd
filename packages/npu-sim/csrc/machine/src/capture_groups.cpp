// Task groups: a part of a graph whose tasks can be replaced after the capture.
#include <algorithm>

#include "capture_state.h"

namespace npu_sim {

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
