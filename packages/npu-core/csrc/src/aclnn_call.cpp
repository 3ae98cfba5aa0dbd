// SPDX-License-Identifier: BSD-3-Clause
#include "aclnn_call.h"

#include <c10/util/Exception.h>

#include "activity.h"
#include "launcher.h"
#include "npu/core/error.h"
#include "operator.h"

namespace npu {
namespace {

constexpr uint64_t kMaxDims = 25;  // of abi.h

// CANN's own checks of arguments are the caller's mistake, the rest is the device's trouble.
[[noreturn]] void raise_call(const Operator& op, const char* phase, int code) {
  std::string message = error_message((std::string(op.descriptor->name) + phase).c_str(), code);
  const c10::SourceLocation at{__func__, __FILE__, static_cast<uint32_t>(__LINE__)};
  if (code == ACLNN_ERR_PARAM_INVALID || code == ACLNN_ERR_PARAM_NULLPTR)
    throw c10::Error(at, std::move(message));
  if (is_out_of_memory(code)) throw c10::OutOfMemoryError(at, std::move(message));
  throw c10::AcceleratorError(at, code, std::move(message));
}

void execute(const Operator& op, const TaskContext& context, aclOpExecutor* executor, uint64_t workspace) {
  void* memory = context.launcher.workspace(context.state, workspace);
  const LaunchScope activity(context.activity, context.stream);
  if (const int code = op.execute(memory, workspace, executor, context.stream); C10_UNLIKELY(code != 0))
    raise_call(op, "", code);
}

// A first phase's executor that nobody executed or made repeatable is still ours.
struct ExecutorGuard {
  aclOpExecutor* executor;
  ~ExecutorGuard() {
    if (executor && cann_usable() && cann().has_aclDestroyAclOpExecutor)
      cann().aclDestroyAclOpExecutor(executor);
  }
  aclOpExecutor* release() { return std::exchange(executor, nullptr); }
};

// Executes a first phase's executor, which that consumes.
void execute_once(const Operator& op, const TaskContext& context, ExecutorGuard& guard, uint64_t workspace) {
  void* memory = context.launcher.workspace(context.state, workspace);
  const LaunchScope activity(context.activity, context.stream);
  const int code = op.execute(memory, workspace, guard.release(), context.stream);
  if (C10_UNLIKELY(code != 0)) raise_call(op, "", code);
}

struct Prepared {
  uint64_t workspace = 0;
  aclOpExecutor* executor = nullptr;
};

Prepared prepare(const Operator& op, const CallArguments& args) {
  Prepared p;
  const int code = op.descriptor->prepare(op.prepare, args.words(), &p.workspace, &p.executor);
  if (C10_UNLIKELY(code != 0)) raise_call(op, "GetWorkspaceSize", code);
  return p;
}

// The plain way, or the way into the cache.
void run_fresh(const CallView& call, const TaskContext& context, uint64_t hash) {
  Operator& op = *call.header->op;
  ExecutorCache& cache = context.launcher.executors;
  CallArguments args(context.launcher.descriptors, call);
  const Prepared p = prepare(op, args);
  ExecutorGuard guard{p.executor};
  if (hash && p.executor && args.addressable() && cache.seen(hash)) {
    if (cann().aclSetAclOpExecutorRepeatable(p.executor) == 0) {
      auto cached = std::make_unique<CachedExecutor>(std::move(args), call, guard.release(), p.workspace);
      execute(op, context, cached->executor, p.workspace);
      cache.insert(hash, call, std::move(cached));
      return;
    }
    op.repeatable.store(false, std::memory_order_relaxed);
  }
  execute_once(op, context, guard, p.workspace);
}

void run_shaped(const CallView& call, const TaskContext& context) {
  ShapedResult& result = *call.header->result;
  const Operator& op = *call.header->op;
  CallArguments args(context.launcher.descriptors, call);
  const Prepared p = prepare(op, args);
  ExecutorGuard guard{p.executor};
  execute_once(op, context, guard, p.workspace);
  NPU_CHECK(cann().aclrtSynchronizeStream(context.stream));
  int64_t* dims = nullptr;
  uint64_t n = 0;
  NPU_CHECK(cann().aclGetViewShape(static_cast<aclTensor*>(args.object(call.header->shaped)), &dims, &n));
  const std::unique_ptr<int64_t[]> owned(dims);  // CANN allocates it with new[]
  TORCH_CHECK(n <= kMaxDims, op.descriptor->name, " answered a shape of ", n, " dimensions");
  std::copy(dims, dims + n, result.dims);
  result.ndim = n;
}

void run_call(const void* payload, const TaskContext& context) {
  const CallView call(payload);
  if (ShapedResult* result = call.header->result) {
    // The caller waits and raises by itself: nothing is left for the queue's error.
    try {
      run_shaped(call, context);
    } catch (...) {
      result->failure = current_failure();
    }
    return;
  }
  ExecutorCache& cache = context.launcher.executors;
  // A captured operator keeps its executor's addresses: it cannot be one that gets others later.
  const uint64_t hash = C10_UNLIKELY(context.launcher.graph != nullptr) ? 0 : cache.hash(call);
  if (hash) {
    if (CachedExecutor* cached = cache.find(hash, call)) {
      if (C10_LIKELY(cached->readdress(call.addresses())))
        return execute(*call.header->op, context, cached->executor, cached->workspace);
      call.header->op->repeatable.store(false, std::memory_order_relaxed);
      cache.erase(hash);
      return run_fresh(call, context, 0);
    }
  }
  run_fresh(call, context, hash);
}

}  // namespace

TaskKind call_task(const Operator& op) {
  return {op.descriptor->name, &run_call, &describe_call,
          [](const void*, npu_activity& a) { a.kind = NPU_ACTIVITY_OPERATOR; }};
}

}  // namespace npu
