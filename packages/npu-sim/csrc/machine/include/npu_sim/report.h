// SPDX-License-Identifier: BSD-3-Clause
// Host callbacks that a thread of the user runs: aclrtSubscribeReport, aclrtLaunchCallback,
// aclrtProcessReport.
#pragma once

#include <cstdint>
#include <memory>

#include "npu/cann/acl_types.h"
#include "npu_sim/api.h"

namespace npu_sim {

class Stream;

// Callbacks of `stream` go to the thread with the pthread id `thread`; one thread may serve several streams.
NPU_SIM_API int subscribe(uint64_t thread, const std::shared_ptr<Stream>& stream);
NPU_SIM_API int unsubscribe(uint64_t thread, const std::shared_ptr<Stream>& stream);
// With `block`, the stream waits until the callback has run.
NPU_SIM_API int launch_callback(Stream& stream, aclrtCallback fn, void* data, bool block);
// Runs one callback of the calling thread, waiting `timeout_ms` for it at most; negative: for ever.
NPU_SIM_API int process_report(int timeout_ms);

}  // namespace npu_sim
