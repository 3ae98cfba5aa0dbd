// SPDX-License-Identifier: BSD-3-Clause
#include "NPUGraph.h"

#include <atomic>

#include "capture.h"
#include "graph_random.h"
#include "launcher.h"
#include "npu/core/NPUCachingHostAllocator.h"
#include "npu/core/error.h"
#include "npu/core/launch_queue.h"
#include "pools.h"
#include "streams.h"

namespace npu {

namespace {

std::atomic<int> g_captures{0};

aclmdlRICaptureMode native(at::GraphCaptureMode mode) {
  switch (mode) {
    case at::GraphCaptureMode::ThreadLocal:
      return ACL_MODEL_RI_CAPTURE_MODE_THREAD_LOCAL;
    case at::GraphCaptureMode::Relaxed:
      return ACL_MODEL_RI_CAPTURE_MODE_RELAXED;
    default:
      return ACL_MODEL_RI_CAPTURE_MODE_GLOBAL;
  }
}

aclmdlRICaptureStatus status_of(aclrtStream stream) {
  aclmdlRICaptureStatus status = ACL_MODEL_RI_CAPTURE_STATUS_NONE;
  aclmdlRI model = nullptr;
  NPU_CHECK(cann().aclmdlRICaptureGetInfo(stream, &status, &model));
  return status;
}

struct Begin {
  aclmdlRICaptureMode mode;
  GraphWorkspaces* workspaces;

  static void run(const void* payload, const TaskContext& context) {
    const auto& task = *static_cast<const Begin*>(payload);
    NPU_CHECK(cann().aclmdlRICaptureBegin(context.stream, task.mode));
    context.launcher.graph = task.workspaces;
  }
};

struct End {
  aclmdlRI* model;

  static void run(const void* payload, const TaskContext& context) {
    context.launcher.graph = nullptr;
    NPU_CHECK(cann().aclmdlRICaptureEnd(context.stream, static_cast<const End*>(payload)->model));
  }
};

struct Replay {
  aclmdlRI model;

  static void run(const void* payload, const TaskContext& context) {
    NPU_CHECK(cann().aclmdlRIExecuteAsync(static_cast<const Replay*>(payload)->model, context.stream));
  }
};

constexpr TaskKind kBegin{"begin of a graph's capture", &Begin::run};
constexpr TaskKind kEnd{"end of a graph's capture", &End::run};
constexpr TaskKind kReplay{"replay of a graph", &Replay::run};

// Whether what this thread allocates now is the graph's.
thread_local bool t_allocates_captured = false;

// One capture at a time in the process: its launch thread keeps one set of workspaces.
GraphWorkspaces& workspaces() {
  static auto* all = new GraphWorkspaces;
  return *all;
}

template <class Task>
Ticket run_now(LaunchQueue& queue, const TaskKind& kind, const NPUStream& stream, const Task& task) {
  const Ticket ticket = queue.enqueue(kind, stream, &task, sizeof task);
  queue.flush(ticket);
  return ticket;
}

struct Outside {
  void* memory;
  DeviceIndex device;
};

// A graph's memory goes when the graph has waited for the device; any thread may be the last to hold it.
void free_outside_pools(void* context) {
  const std::unique_ptr<Outside> block(static_cast<Outside*>(context));
  if (detail::cann_closed() || in_bad_fork()) return;
  const RelaxedCapture relaxed;
  bind_device(block->device);
  NPU_CHECK_WARN(cann().aclrtFree(block->memory));
}

}  // namespace

bool capturing() noexcept { return g_captures.load(std::memory_order_relaxed) > 0; }

bool current_stream_is_capturing() { return capturing() && current_stream_is_capturing(current_device()); }

bool current_stream_is_capturing(DeviceIndex device) {
  return capturing() && stream_is_capturing(getCurrentNPUStream(device));
}

bool stream_is_capturing(const NPUStream& stream) {
  if (!capturing() || !has_context(stream.device_index())) return false;
  const BoundDevice bound(stream.device_index());
  return status_of(stream.stream()) != ACL_MODEL_RI_CAPTURE_STATUS_NONE;
}

void refuse_in_capture(const char* what, const NPUStream& stream) {
  TORCH_CHECK(!stream_is_capturing(stream), what,
              " cannot happen while a graph is captured. Move it out of the graph.");
}

void refuse_in_capture(const char* what, DeviceIndex device) {
  if (C10_UNLIKELY(capturing())) refuse_in_capture(what, getCurrentNPUStream(device));
}

CapturedAllocation::CapturedAllocation(DeviceIndex device, c10::StreamId stream) {
  if (C10_LIKELY(!capturing())) return;
  const c10::Device where(c10::DeviceType::PrivateUse1, device);
  asked_ = true;
  t_allocates_captured = stream_is_capturing(NPUStream(c10::Stream(c10::Stream::UNSAFE, where, stream)));
}

CapturedAllocation::~CapturedAllocation() {
  if (C10_UNLIKELY(asked_)) t_allocates_captured = false;
}

RelaxedCapture::RelaxedCapture() {
  if (!capturing() || !cann().has_aclmdlRICaptureThreadExchangeMode) return;
  changed_ = cann().aclmdlRICaptureThreadExchangeMode(&mode_) == 0;
}

RelaxedCapture::~RelaxedCapture() {
  if (changed_) cann().aclmdlRICaptureThreadExchangeMode(&mode_);
}

void* GraphWorkspaces::of(detail::StreamState& stream, size_t bytes) {
  if (status_of(stream.handle()) == ACL_MODEL_RI_CAPTURE_STATUS_NONE) return nullptr;
  auto& [memory, size] = current[&stream];
  if (bytes <= size) return memory;
  // The smaller one stays: what was captured before uses it.
  all.push_back(memory_outside_pools(bytes, {c10::DeviceType::PrivateUse1, stream.device}));
  memory = all.back().get();
  size = bytes;
  return memory;
}

c10::DataPtr memory_outside_pools(size_t bytes, c10::Device device) {
  const RelaxedCapture relaxed;
  bind_device(device.index());
  void* memory = nullptr;
  const int code = cann().aclrtMalloc(&memory, bytes, ACL_MEM_MALLOC_HUGE_FIRST);
  TORCH_CHECK_WITH(OutOfMemoryError, !is_out_of_memory(code), "NPU out of memory: no room for ", bytes,
                   " bytes of a graph's own on ", device, ".");
  if (code != 0) raise_cann("aclrtMalloc", code, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
  return {memory, new Outside{memory, device.index()}, &free_outside_pools, device};
}

NPUGraph::NPUGraph(const at::GraphImplArgs&) {}

NPUGraph::~NPUGraph() {
  try {
    reset();
  } catch (const std::exception&) {
    // The device is broken: who uses it next hears of it.
  }
}

void NPUGraph::capture_begin(c10::MempoolId_t pool, at::GraphCaptureMode mode) {
  TORCH_CHECK(state_ == State::kEmpty, "this graph was captured already: call reset() first");
  const NPUStream stream = getCurrentNPUStream();
  const DeviceIndex device = stream.device_index();
  TORCH_CHECK(stream.id() != 0,
              "a graph cannot be captured on the default stream: use torch.npu.graph, which "
              "captures on a stream of its own, or `with torch.npu.stream(...)`");
  init();
  TORCH_CHECK_NOT_IMPLEMENTED(cann().has_aclmdlRICaptureBegin && cann().has_aclmdlRICaptureGetInfo,
                              "graphs need aclmdlRICaptureBegin, which this CANN lacks");
  int none = 0;
  TORCH_CHECK(g_captures.compare_exchange_strong(none, 1),
              "another graph is being captured: one capture at a time can go on in a process");
  static std::atomic<c10::CaptureId_t> next{1};
  const c10::CaptureId_t number = next.fetch_add(1);
  id_ = pool == c10::MempoolId_t(0, 0) ? c10::MempoolId_t(number, 0) : pool;
  pinned_ = {number, 0};
  stream_ = stream;
  DevicePool& memory = NPUCachingAllocator::pool_of(device);
  memory.begin_route(
      id_, [](c10::StreamId) { return t_allocates_captured; }, /*capture=*/true);
  // Pinned memory of captured copies is read or written by each replay, so it has to be the graph's too.
  getNPUCachingHostAllocator()->begin_allocate_to_pool(
      pinned_, [](c10::Stream s) { return stream_is_capturing(NPUStream(s)); });
  LaunchQueue& queue = LaunchQueue::of(device);
  // Before the capture begins: another thread may draw on the stream as soon as it has.
  random_ = std::make_shared<GraphRandom>();
  set_captured_random(random_);
  try {
    workspaces() = {};
    begun_ = run_now(queue, kBegin, stream, Begin{native(mode), &workspaces()});
    queue.raise_error();
  } catch (...) {
    set_captured_random(nullptr);
    random_.reset();
    g_captures.store(0);
    memory.end_route(id_);
    memory.release_private(id_);
    getNPUCachingHostAllocator()->end_allocate_to_pool(pinned_);
    getNPUCachingHostAllocator()->release_pool(pinned_);
    throw;
  }
  state_ = State::kCapturing;
}

void NPUGraph::capture_end() {
  TORCH_CHECK(state_ == State::kCapturing, "capture_end() without capture_begin()");
  const DeviceIndex device = stream_->device_index();
  LaunchQueue& queue = LaunchQueue::of(device);
  std::exception_ptr failed;
  Ticket ended = 0;
  try {
    ended = run_now(queue, kEnd, *stream_, End{&model_});
    queue.raise_error();
  } catch (...) {
    failed = std::current_exception();
  }
  set_captured_random(nullptr);
  g_captures.store(0);
  memory_ = std::move(workspaces().all);
  workspaces() = {};
  NPUCachingAllocator::pool_of(device).end_route(id_);
  getNPUCachingHostAllocator()->end_allocate_to_pool(pinned_);
  state_ = State::kReady;
  if (failed || !model_) {
    reset();
    if (failed) std::rethrow_exception(failed);
  }
  TORCH_CHECK(model_, "the capture recorded no graph");
  if (ended == begun_ + 1) {
    TORCH_WARN("this graph is empty: nothing was enqueued on ", stream_->device(),
               " while it was captured. Was the work on another device?");
  }
}

void NPUGraph::replay() {
  TORCH_CHECK(state_ == State::kReady, "replay() of a graph that was not captured");
  const NPUStream stream = getCurrentNPUStream(stream_->device_index());
  random_->refill();
  const Replay task{model_};
  LaunchQueue::of(stream.device_index()).enqueue(kReplay, stream, &task, sizeof task);
}

void NPUGraph::reset() {
  if (state_ == State::kCapturing) capture_end();
  if (state_ == State::kEmpty) return;
  state_ = State::kEmpty;
  const DeviceIndex device = stream_->device_index();
  const aclmdlRI model = std::exchange(model_, nullptr);
  const auto memory = std::exchange(memory_, {});  // of workspaces; freed at the end, after the wait
  if (detail::cann_closed() || in_bad_fork()) return;
  bind_device(device);
  if (LaunchQueue* queue = LaunchQueue::started(device)) queue->flush();
  cann().aclrtSynchronizeDevice();  // what failed there is for who waits next
  if (model) NPU_CHECK_WARN(cann().aclmdlRIDestroy(model));
  random_.reset();
  if (DevicePool* pool = NPUCachingAllocator::started_pool(device)) pool->release_private(id_);
  getNPUCachingHostAllocator()->release_pool(pinned_);
}

c10::MempoolId_t NPUGraph::pool() const {
  TORCH_CHECK(state_ != State::kEmpty, "pool() of a graph that was not captured");
  return id_;
}

void NPUGraph::debug_dump(const std::string& path) {
  TORCH_CHECK(state_ == State::kReady, "debug_dump() of a graph that was not captured");
  bind_device(stream_->device_index());
  NPU_CHECK(cann().aclmdlRIDebugJsonPrint(model_, path.c_str(), 0));
}

}  // namespace npu

namespace at {
// torch.accelerator.Graph looks for it by the device's name in capitals.
REGISTER_GRAPH_IMPL(NPU, npu::NPUGraph)
}  // namespace at
