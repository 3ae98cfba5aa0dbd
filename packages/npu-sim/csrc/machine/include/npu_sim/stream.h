// SPDX-License-Identifier: BSD-3-Clause
// Streams as the operator libraries see them: in-order queues, each with a worker thread of its own.
//
//   std::shared_ptr<Stream> stream;
//   if (int code = stream_of(handle, &stream)) return code;
//   return enqueue(*stream, "aclnnAdd", [call] { return call->run(); });
#pragma once

#include <memory>

#include "npu/cann/acl_types.h"
#include "npu_sim/api.h"
#include "npu_sim/error.h"
#include "npu_sim/task.h"

namespace npu_sim {

class Stream;

// What a task occupies while it runs.
enum class Engine {
  compute,  // one of the device's compute slots (NPU_SIM_SLOTS), by the stream's priority
  copy,     // nothing that kernels wait for
  host,     // nothing: callbacks and waits, which may block
};

// The stream that `handle` names: the default one of the current context for null. Refused with a message: a
// handle that is no live stream, a stream of another context, no current context.
NPU_SIM_API int stream_of(aclrtStream handle, std::shared_ptr<Stream>* stream);

// Whether the stream captures: its tasks are recorded, not run. See capture.h.
NPU_SIM_API bool capturing(const Stream& stream);
// As capturing, or its tasks update a graph: what waits for one would wait for ever.
NPU_SIM_API bool deferring(const Stream& stream);

// The device of a stream, as the user numbers it.
NPU_SIM_API int device_of(const Stream& stream);

// Runs `task` on the stream's worker after everything enqueued before it. `name` must outlive the task. What
// the task answers, or throws, becomes the stream's error:
//   - a code from 507000 to 507999 (but a wait's timeout) is a fault of the device: no later task of the
//   device runs, and every
//     synchronisation answers it until aclrtResetDevice or aclrtDeviceTaskAbort, as after an AI Core
//     exception;
//   - any other code is answered by the next synchronisation of the stream or its device; later tasks run,
//   unless
//     the stream's failure mode is ACL_STOP_ON_FAILURE.
// The task's message is what it gave to set_error_message.
NPU_SIM_API int enqueue(Stream& stream, const char* name, Task task, Engine engine = Engine::compute);

}  // namespace npu_sim
