// SPDX-License-Identifier: BSD-3-Clause
// The history and the snapshot of the caching allocator as Python objects, in the format of torch.cuda's.
#include "memory_history.h"

#include <torch/csrc/profiler/combined_traceback.h>

#include "bindings.h"
#include "npu/core/NPUCachingAllocator.h"
#include "pools.h"

namespace npu::bindings {

namespace {

using c10::CachingDeviceAllocator::BlockInfo;
using c10::CachingDeviceAllocator::RecordContext;
using c10::CachingDeviceAllocator::SegmentInfo;
using c10::CachingDeviceAllocator::TraceEntry;
using Context = std::shared_ptr<c10::GatheredContext>;

std::shared_ptr<c10::GatheredContext> python_stack() {
  return torch::CapturedTraceback::gather(/*python=*/true, /*script=*/true, /*cpp=*/false);
}
std::shared_ptr<c10::GatheredContext> whole_stack() {
  return torch::CapturedTraceback::gather(/*python=*/true, /*script=*/true, /*cpp=*/true);
}

const char* name_of(TraceEntry::Action action) {
  switch (action) {
    case TraceEntry::ALLOC:
      return "alloc";
    case TraceEntry::FREE_REQUESTED:
      return "free_requested";
    case TraceEntry::FREE_COMPLETED:
      return "free_completed";
    case TraceEntry::SEGMENT_ALLOC:
      return "segment_alloc";
    case TraceEntry::SEGMENT_FREE:
      return "segment_free";
    case TraceEntry::SEGMENT_MAP:
      return "segment_map";
    case TraceEntry::SEGMENT_UNMAP:
      return "segment_unmap";
    case TraceEntry::SNAPSHOT:
      return "snapshot";
    case TraceEntry::OOM:
      return "oom";
  }
  return "unknown";
}

RecordContext level_of(const std::optional<std::string>& context) {
  if (!context) return RecordContext::NEVER;
  if (*context == "state") return RecordContext::STATE;
  if (*context == "alloc") return RecordContext::ALLOC;
  TORCH_CHECK_VALUE(*context == "all", "context is None, 'state', 'alloc' or 'all', found '", *context, "'");
  return RecordContext::ALL;
}

void record_memory_history(const std::optional<std::string>& enabled,
                           const std::optional<std::string>& context, const std::string& stacks,
                           size_t max_entries, bool clear_history,
                           const std::vector<std::string>& skip_actions) {
  HistorySettings settings;
  if (enabled) {
    TORCH_CHECK_VALUE(*enabled == "state" || *enabled == "all", "enabled is None, 'state' or 'all', found '",
                      *enabled, "'");
    TORCH_CHECK_VALUE(stacks == "python" || stacks == "all", "stacks is 'python' or 'all', found '", stacks,
                      "'");
    settings.enabled = true;
    settings.max_entries = *enabled == "all" ? max_entries : 0;
    settings.when = level_of(context);
    settings.create = stacks == "all" ? &whole_stack : &python_stack;
    for (const std::string& action : skip_actions)
      settings.skipped |= 1u << c10::CachingDeviceAllocator::parseTraceEntryAction(action);
  }
  NPUCachingAllocator::record_history(settings, clear_history);
}

// Stacks become text all at once, which is what makes it bearable, and after everything else was copied.
class Stacks {
 public:
  void want(py::dict owner, const Context& context) {
    if (auto* stack = dynamic_cast<torch::CapturedTraceback*>(context.get())) {
      owners_.push_back(std::move(owner));
      stacks_.push_back(stack);
    } else {
      owner["frames"] = py::list();
    }
  }

  void fill() {
    if (stacks_.empty()) return;
    const torch::SymbolizedTracebacks text = torch::symbolize(stacks_);
    std::vector<py::dict> frames;
    for (const auto& f : text.all_frames) {
      py::dict d;
      d["name"] = f.funcname;
      d["filename"] = f.filename;
      d["line"] = f.lineno;
      frames.push_back(std::move(d));
    }
    for (size_t i = 0; i < owners_.size(); ++i) {
      py::list stack;
      for (uint64_t index : text.tracebacks[i]) stack.append(frames[index]);
      owners_[i]["frames"] = stack;
    }
  }

 private:
  std::vector<py::dict> owners_;
  std::vector<torch::CapturedTraceback*> stacks_;
};

// torch.cuda.memory_snapshot()'s words for a block's state.
const char* state(const BlockInfo& block) {
  return block.allocated ? "active_allocated" : block.active ? "active_awaiting_free" : "inactive";
}

py::dict to_dict(const SegmentInfo& segment, Stacks& stacks) {
  py::dict d;
  d["device"] = static_cast<int>(segment.device);
  d["address"] = segment.address;
  d["total_size"] = segment.total_size;
  d["allocated_size"] = segment.allocated_size;
  d["active_size"] = segment.active_size;
  d["requested_size"] = segment.requested_size;
  d["stream"] = reinterpret_cast<intptr_t>(segment.stream);
  d["segment_type"] = segment.is_large ? "large" : "small";
  d["segment_pool_id"] =
      py::make_tuple(segment.owner_private_pool_id.first, segment.owner_private_pool_id.second);
  d["is_expandable"] = segment.is_expandable;
  stacks.want(d, segment.context_when_allocated);
  py::list blocks;
  size_t address = segment.address;
  for (const BlockInfo& block : segment.blocks) {
    py::dict b;
    b["address"] = address;
    b["size"] = block.size;
    b["requested_size"] = block.requested_size;
    b["state"] = state(block);
    stacks.want(b, block.context_when_allocated);
    blocks.append(b);
    address += block.size;
  }
  d["blocks"] = blocks;
  return d;
}

py::dict to_dict(const TraceEntry& entry, Stacks& stacks) {
  py::dict d;
  d["action"] = name_of(entry.action_);
  d[entry.action_ == TraceEntry::OOM ? "device_free" : "addr"] = entry.addr_;
  d["size"] = entry.size_;
  d["stream"] = reinterpret_cast<intptr_t>(entry.stream_);
  d["time_us"] = entry.time_.t_;
  d["compile_context"] = entry.compile_context_;
  d["user_metadata"] = entry.user_metadata_;
  d["pool_id"] = py::make_tuple(entry.mempool_.first, entry.mempool_.second);
  stacks.want(d, entry.context_);
  return d;
}

using Id = std::optional<c10::MempoolId_t>;

// By torch.cuda's keys, and in its units: bytes, -1 for no limit.
py::dict to_dict(const NPUCachingAllocator::Settings& s) {
  py::dict settings;
  settings["PYTORCH_NPU_ALLOC_CONF"] = s.text;
  settings["max_split_size"] = static_cast<int64_t>(s.max_split_size);
  settings["garbage_collection_threshold"] = s.garbage_collection_threshold;
  settings["expandable_segments"] = s.expandable_segments;
  py::dict divisions;
  size_t interval = 1;  // MB
  for (const size_t division : s.roundup_power2_divisions) {
    divisions[py::str(std::to_string(interval))] = division;
    interval *= 2;
  }
  settings["roundup_power2_divisions"] = divisions;
  return settings;
}

py::dict memory_snapshot(const Id& pool, bool include_traces) {
  std::vector<SegmentInfo> found;
  NPUCachingAllocator::Settings settings;
  std::vector<std::vector<TraceEntry>> histories(static_cast<size_t>(device_count()));
  {
    py::gil_scoped_release no_gil;  // the pools' locks are also taken by threads that want the GIL
    found = NPUCachingAllocator::snapshot(-1, pool);
    settings = NPUCachingAllocator::settings_in_force();
    for (size_t i = 0; include_traces && i < histories.size(); ++i)
      histories[i] = NPUCachingAllocator::history(static_cast<DeviceIndex>(i));
  }
  Stacks stacks;
  py::list segments;
  for (const SegmentInfo& segment : found) segments.append(to_dict(segment, stacks));
  py::list traces;
  for (const auto& entries : histories) {
    py::list trace;
    for (const TraceEntry& entry : entries) {
      if (!pool || entry.mempool_ == *pool) trace.append(to_dict(entry, stacks));
    }
    traces.append(trace);
  }
  stacks.fill();
  py::dict result;
  result["segments"] = segments;
  result["device_traces"] = traces;
  result["allocator_settings"] = to_dict(settings);
  result["external_annotations"] = py::list();
  return result;
}

// An observer that raises does not hide the error that it was called for.
void attach_out_of_memory_observer(py::function observer) {
  auto* kept = observer.release().ptr();  // for the life of the process, as the observers
  NPUCachingAllocator::observe_out_of_memory([kept](int64_t device, size_t asked, size_t total, size_t free) {
    if (!Py_IsInitialized()) return;
    py::gil_scoped_acquire gil;
    PyObject* result =
        PyObject_CallFunction(kept, "Lnnn", static_cast<long long>(device), static_cast<Py_ssize_t>(asked),
                              static_cast<Py_ssize_t>(total), static_cast<Py_ssize_t>(free));
    if (!result) PyErr_WriteUnraisable(kept);
    Py_XDECREF(result);
  });
}

}  // namespace

void add_memory_history(py::module_& m) {
  def_py(m, "record_memory_history", record_memory_history, py::arg("enabled").none(true),
         py::arg("context").none(true), py::arg("stacks"), py::arg("max_entries"), py::arg("clear_history"),
         py::arg("skip_actions"));
  def_py(m, "memory_snapshot", memory_snapshot, py::arg("pool").none(true) = py::none(),
         py::arg("include_traces") = true);
  def_py(m, "attach_out_of_memory_observer", attach_out_of_memory_observer, py::arg("observer"));
  def_py(
      m, "set_memory_metadata", [](std::string text) { set_memory_metadata(std::move(text)); },
      py::arg("text"));
  def_py(m, "memory_metadata", [] { return memory_metadata(); });
}

}  // namespace npu::bindings
