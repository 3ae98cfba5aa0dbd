// SPDX-License-Identifier: BSD-3-Clause
#include "work.h"

#include <ATen/core/ivalue_inl.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <thread>

namespace npu::dist {

WorkHCCL::WorkHCCL(int rank, c10d::OpType op, std::shared_ptr<Lane> lane, std::string what, uint64_t number,
                   std::chrono::milliseconds timeout, bool blocking)
    : Work(rank, op),
      lane_(std::move(lane)),
      what_(std::move(what)),
      number_(number),
      timeout_(timeout),
      blocking_(blocking),
      end_(c10::DeviceType::PrivateUse1) {}

void WorkHCCL::finish_launch(std::vector<at::Tensor> outputs) {
  outputs_ = std::move(outputs);
  end_.record(lane_->stream);
  // Complete as soon as it is launched: the future carries the stream's event, and who uses its value waits
  // for that on a stream, as with every device future.
  future_ = c10::make_intrusive<c10::ivalue::Future>(c10::ListType::create(c10::TensorType::get()),
                                                     std::vector<c10::Device>{lane_->device});
  future_->markCompleted(c10::IValue(outputs_));
}

bool WorkHCCL::passed() {
  {
    std::lock_guard lock(mutex_);
    if (completed_) return true;
  }
  std::string error = lane_->error();
  bool done = false;
  try {
    done = end_.query();
  } catch (const c10::Error& e) {
    if (error.empty()) error = e.what_without_backtrace();
  }
  if (!done && error.empty()) return false;
  // A stream goes on past an operation that failed, so its end says nothing once the communicator failed.
  std::exception_ptr failure;
  if (!error.empty())
    failure = std::make_exception_ptr(c10::DistBackendError(
        {__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, "hccl: " + what_ + " failed: " + error));
  std::lock_guard lock(mutex_);
  completed_ = true;
  exception_ = failure;
  return true;
}

bool WorkHCCL::isCompleted() { return passed(); }

bool WorkHCCL::isSuccess() const {
  std::lock_guard lock(mutex_);
  return completed_ && !exception_;
}

void WorkHCCL::synchronize() {
  const c10::impl::VirtualGuardImpl impl(lane_->device.type());
  end_.block(impl.getStream(lane_->device));
}

void WorkHCCL::wait_on_host(std::chrono::milliseconds timeout) {
  const auto begin = std::chrono::steady_clock::now();
  auto nap = std::chrono::microseconds(20);
  while (!passed()) {
    const auto waited = std::chrono::steady_clock::now() - begin;
    TORCH_CHECK_WITH(DistBackendError, waited < timeout, "hccl: ", what_, " did not end within ",
                     std::chrono::duration_cast<std::chrono::milliseconds>(waited).count(), " ms");
    std::this_thread::sleep_for(nap);
    nap = std::min(nap * 2, std::chrono::microseconds(1000));
  }
  {
    std::lock_guard lock(mutex_);
    if (exception_) std::rethrow_exception(exception_);
  }
  lane_->stream.synchronize();  // HCCL may have refused the call itself, and then nothing was on the stream
}

bool WorkHCCL::wait(std::chrono::milliseconds timeout) {
  const bool given = timeout != kNoTimeout;
  if (given || blocking_) wait_on_host(given ? timeout : timeout_);
  synchronize();
  return true;
}

void WorkHCCL::abort() { lane_->close(/*wait=*/false); }

}  // namespace npu::dist
