// SPDX-License-Identifier: BSD-3-Clause
// Streams that record their tasks into a graph instead of running them, and the rules for those meanwhile.
#pragma once

#include <memory>

#include "npu/cann/acl_types.h"
#include "npu_sim/graph.h"

namespace npu_sim {

class Event;

// A new graph, or `into`, a body of a branch. Each answers an aclError, with its message.
NPU_SIM_API int begin_capture(const std::shared_ptr<Stream>& stream, aclmdlRICaptureMode mode,
                              std::shared_ptr<Graph> into);
// All streams of the capture leave it. An invalid capture, or one whose streams did not come back, is an
// error and its graph is gone.
NPU_SIM_API int end_capture(const std::shared_ptr<Stream>& stream, std::shared_ptr<Graph>* graph);
// `graph` is null for a stream that does not capture.
NPU_SIM_API aclmdlRICaptureStatus capture_status(const Stream& stream, std::shared_ptr<Graph>* graph);

// This thread's mode; answers the one before.
NPU_SIM_API aclmdlRICaptureMode exchange_capture_mode(aclmdlRICaptureMode mode);
// Refuses, with `code`, a call that acts on the device at once while a capture of this context forbids that
// to this thread.
NPU_SIM_API int check_capture_allows(const char* call, const Context& context,
                                     int code = ACL_ERROR_RT_CAPTURE_MODE_NOT_SUPPORT);
// Refuses a call that would wait for a stream whose tasks do not run.
NPU_SIM_API int refuse_captured(const Stream& stream, const char* call);
// The same for every stream of a device.
NPU_SIM_API int refuse_captured(const Device& device, const char* call);

// A task that is made anew for each execution; the stream captures.
NPU_SIM_API int capture_made(Stream& stream, const char* name, MakeTask make, Engine engine);
// A condition of a graph that is being captured.
NPU_SIM_API int capture_condition(Graph& graph, uint32_t initial, bool assign, aclmdlRICondHandle* handle);
// A branch on a condition of the graph that the stream captures into; `bodies` gets the new, empty graphs.
NPU_SIM_API int capture_branch(Stream& stream, const std::shared_ptr<Condition>& condition,
                               aclmdlRICondTaskType type, size_t size,
                               std::vector<std::shared_ptr<Graph>>* bodies);

NPU_SIM_API int begin_task_group(const std::shared_ptr<Stream>& stream);
NPU_SIM_API int end_task_group(const std::shared_ptr<Stream>& stream, aclrtTaskGrp* handle);
// The tasks that `stream`, which does not capture, gets until the end replace those of the group, when the
// stream reaches them.
NPU_SIM_API int begin_task_update(const std::shared_ptr<Stream>& stream, aclrtTaskGrp handle);
NPU_SIM_API int end_task_update(const std::shared_ptr<Stream>& stream);

// Where in a capture an event was recorded.
struct CapturePoint {
  std::weak_ptr<Graph> graph;
  size_t lane = 0;
  size_t signal = 0;
  std::vector<size_t> known;
};

// What Stream and Event do while a stream is diverted; nobody else calls these.
int divert(Stream& stream, const char* name, Task task, Engine engine);
int capture_record(Stream& stream, std::shared_ptr<CapturePoint>* point);
int capture_wait(Stream& stream, const CapturePoint& point);
bool capture_goes_on(const CapturePoint& point);
int capture_depends_outside(Stream& stream);

}  // namespace npu_sim
