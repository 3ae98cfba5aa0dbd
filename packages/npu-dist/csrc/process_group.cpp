// SPDX-License-Identifier: BSD-3-Clause
#include "process_group.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/distributed/c10d/Utils.hpp>

#include <sstream>

namespace npu::dist {
namespace {

bool blocking_wait() {
  static const bool on = c10d::getCvarBool({"TORCH_HCCL_BLOCKING_WAIT", "HCCL_BLOCKING_WAIT"}, false);
  return on;
}

}  // namespace

std::string describe(const Tensors& tensors) {
  std::ostringstream text;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (i == 8) {
      text << ", and " << tensors.size() - i << " more";
      break;
    }
    text << (i ? ", " : "") << tensors[i].dtype().name() << tensors[i].sizes();
  }
  return text.str();
}

void check_tensor(const char* name, const at::Tensor& t) {
  TORCH_CHECK_VALUE(
      t.defined() && t.device().is_privateuseone(), name, " of the backend hccl needs tensors on npu, found ",
      t.defined() ? t.device().str() : "none",
      ": move it with .npu(), or give the CPU a backend of its own (backend='cpu:gloo,npu:hccl')");
  TORCH_CHECK_VALUE(t.layout() == c10::kStrided, name, " of the backend hccl needs dense tensors, found ",
                    t.layout());
  // Element by element it does not matter in which order a tensor fills its memory, channels_last included.
  TORCH_CHECK_VALUE(t.is_contiguous(t.suggest_memory_format()), name,
                    " of the backend hccl needs contiguous tensors, found shape ", t.sizes(),
                    " with strides ", t.strides(), ": call .contiguous()");
}

const at::Tensor& only(const char* name, const Tensors& tensors) {
  TORCH_CHECK_VALUE(tensors.size() == 1, name, " of the backend hccl takes one tensor a call, found ",
                    tensors.size());
  check_tensor(name, tensors[0]);
  return tensors[0];
}

ProcessGroupHCCL::ProcessGroupHCCL(c10::intrusive_ptr<c10d::Store> store, int rank, int size,
                                   std::string name, std::chrono::milliseconds timeout)
    : Backend(rank, size),
      store_(std::move(store)),
      name_(std::move(name)),
      options_(c10::make_intrusive<Options>("hccl", timeout)) {
  options_->group_name = name_;
}

std::shared_ptr<Lane> ProcessGroupHCCL::lane(c10::Device device) {
  std::lock_guard lock(mutex_);
  TORCH_CHECK_WITH(DistBackendError, !closed_, "hccl: group '", name_, "' was destroyed");
  auto& slot = lanes_[device.index()];
  if (!slot) {
    // Ranks number their devices as they like; how many communicators the group made before is the same.
    const std::string key = "hccl/" + std::to_string(lanes_.size());
    slot = std::make_shared<Lane>(LaneOptions{store_, key, name_, rank_, size_, options_->timeout}, device);
  }
  return slot;
}

WorkPtr ProcessGroupHCCL::run(Operation op, c10::Device device, const std::function<void(Lane&)>& launch) {
  for (const at::Tensor& t : op.tensors)
    TORCH_CHECK_VALUE(t.device() == device, op.name,
                      " of the backend hccl needs all tensors on one device, found ", device, " and ",
                      t.device());
  auto on = lane(device);
  const uint64_t number = ++number_;
  if (coalescing_) coalesced_on_ = device;
  std::ostringstream what;
  what << op.name << " number " << number << " of group '" << name_ << "' on rank " << rank_ << " of "
       << size_;
  if (!op.tensors.empty()) what << ", " << describe(op.tensors);
  if (const std::string error = on->error(); !error.empty())
    TORCH_CHECK_WITH(DistBackendError, false, "hccl: ", what.str(),
                     " cannot begin: the group has failed: ", error);

  const c10::DeviceGuard device_guard(device);
  const c10::impl::VirtualGuardImpl impl(device.type());
  c10::Event ready(device.type());
  ready.record(impl.getStream(device));
  ready.block(on->stream);
  const auto timeout = op.timeout > std::chrono::milliseconds(0) ? op.timeout : options_->timeout;
  auto work = c10::make_intrusive<WorkHCCL>(rank_, op.type, on, what.str(), number, timeout,
                                            op.blocking || blocking_wait());
  const c10::StreamGuard stream_guard(on->stream);
  launch(*on);
  on->note_memory();
  for (const at::Tensor& t : op.tensors)
    if (t.numel()) impl.recordDataPtrOnStream(t.storage().data_ptr(), on->stream);
  work->finish_launch(std::move(op.outputs));
  return work;
}

c10d::ErrorType ProcessGroupHCCL::getError() {
  std::lock_guard lock(mutex_);
  for (auto& [index, on] : lanes_)
    if (on && !on->error().empty()) return c10d::ErrorType::COMM_ERROR;
  return c10d::ErrorType::SUCCESS;
}

void ProcessGroupHCCL::close(bool wait) {
  std::lock_guard lock(mutex_);
  closed_ = true;
  for (auto& [index, on] : lanes_)
    if (on) on->close(wait);
  lanes_.clear();
}

void ProcessGroupHCCL::check_rank(const char* name, int64_t rank) const {
  TORCH_CHECK_VALUE(rank >= 0 && rank < size_, name, ": rank ", rank, " is not in group '", name_, "' of ",
                    size_, " ranks");
}

}  // namespace npu::dist
