// SPDX-License-Identifier: BSD-3-Clause
// The second phase: hands the call to the stream.
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "accesses.h"
#include "living.h"
#include "npu_sim/activity.h"
#include "npu_sim/error.h"
#include "npu_sim/memory.h"
#include "npu_sim/nnop/call.h"
#include "npu_sim/nnop/operator.h"
#include "npu_sim/settings.h"
#include "npu_sim/stream.h"
#include "npu_sim/trace.h"
#include "npu_sim/watch.h"
#include "overflow.h"
#include "spend.h"
#include "trace_call.h"

namespace npu_sim::nnop {

namespace {

// Owns an executor on its way through the stream.
class Owned {
 public:
  explicit Owned(aclOpExecutor* e) : e_(e) {}
  Owned(Owned&& o) noexcept : e_(std::exchange(o.e_, nullptr)) {}
  Owned(const Owned&) = delete;
  Owned& operator=(Owned&&) = delete;
  ~Owned() {
    if (e_) aclOpExecutor::destroy(e_);
  }
  const aclOpExecutor& operator*() const { return *e_; }

 private:
  aclOpExecutor* e_;
};

// Released when the task that holds it has run, or was dropped because the stream had failed before.
struct Latch {
  std::mutex mutex;
  std::condition_variable changed;
  bool released = false;

  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return released; });
  }
  void release() {
    std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
  }
};

class Release {
 public:
  explicit Release(Latch* l) : latch_(l) {}
  Release(Release&& o) noexcept : latch_(std::exchange(o.latch_, nullptr)) {}
  Release(const Release&) = delete;
  Release& operator=(Release&&) = delete;
  ~Release() {
    if (latch_) latch_->release();
  }

 private:
  Latch* latch_;
};

// Answers the code that a device gives for a kernel that faulted. What only the simulator lacks must not look
// like that: its code is no fault of the device, which goes on.
int run(const Call& call, const void* workspace) {
  try {
    if (watching() & (kWatchCheck | kWatchTiming)) note_call(call, workspace);
    if (settings().null_kernels && !call.data_dependent()) return ACL_SUCCESS;
    OverflowWatch watch(call);
    call.op().kernel->run(call);
    watch.finish();
    return ACL_SUCCESS;
  } catch (const NotSimulated& x) {
    set_error_message(std::string(call.op().name) + ": npu-sim does not simulate this (" + x.what() +
                      "); the device is not at fault and would compute it");
    return ACL_ERROR_RT_FEATURE_NOT_SUPPORT;
  } catch (const std::exception& x) {
    set_error_message(std::string(call.op().name) + ": " + x.what());
    return ACL_ERROR_RT_AICORE_EXCEPTION;
  }
}

aclnnStatus check(const Operator& op, void* workspace, uint64_t size, const aclOpExecutor* e) {
  if (!e) return fail(ACLNN_ERR_PARAM_NULLPTR, std::string(op.name) + ": executor is null");
  if (!living(e) || &e->op() != &op)
    return fail(ACLNN_ERR_PARAM_INVALID,
                std::string(op.name) + ": the executor is not one that this operator's first phase gave");
  const uint64_t needed = e->workspace_bytes();
  if (needed == 0) return ACLNN_SUCCESS;
  if (!workspace) return fail(ACLNN_ERR_PARAM_NULLPTR, std::string(op.name) + ": workspace is null");
  if (size < needed || !is_device_address(workspace) || !owns(workspace, needed, nullptr))
    return fail(ACLNN_ERR_PARAM_INVALID, std::string(op.name) + ": needs " + std::to_string(needed) +
                                             " bytes of device memory as workspace, found " +
                                             std::to_string(size) +
                                             (size < needed ? "" : " that are not device memory"));
  return ACLNN_SUCCESS;
}

aclnnStatus launch_call(const Operator& op, void* workspace, uint64_t workspace_size, aclOpExecutor* executor,
                        aclrtStream handle) {
  try {
    if (auto bad = check(op, workspace, workspace_size, executor)) return bad;
    std::shared_ptr<Stream> stream;
    if (int code = stream_of(handle, &stream)) return code;
    const CallScope scope(op.name);
    if (executor->data_dependent() && deferring(*stream))
      return fail(
          ACL_ERROR_RT_STREAM_CAPTURED,
          std::string(op.name) + ": an output's shape depends on data, which a capture does not compute");
    Owned call(executor->repeatable ? executor->clone() : executor);
    if (!executor->data_dependent())
      return enqueue(*stream, op.name, [call = std::move(call), workspace] { return run(*call, workspace); });
    // The caller reads the shape as soon as this returned, so it waits, as CANN does.
    Latch latch;
    if (int code = enqueue(*stream, op.name, [call = std::move(call), workspace, r = Release(&latch)] {
          return run(*call, workspace);
        }))
      return code;
    latch.wait();
    return ACLNN_SUCCESS;
  } catch (const std::exception& x) {
    return fail(ACLNN_ERR_INNER, std::string(op.name) + ": " + x.what());
  }
}

}  // namespace

aclnnStatus launch(const Operator& op, void* workspace, uint64_t workspace_size, aclOpExecutor* executor,
                   aclrtStream handle) {
  const aclnnStatus answer = launch_call(op, workspace, workspace_size, executor, handle);
  if (const int64_t ns = settings().phase_ns[1]) spend(ns);
  if (tracing()) trace_launch(op, handle, answer);
  return answer;
}

}  // namespace npu_sim::nnop
