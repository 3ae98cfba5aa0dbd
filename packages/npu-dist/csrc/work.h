// SPDX-License-Identifier: BSD-3-Clause
// One operation of a group, as its caller holds it.
#pragma once

#include <c10/core/Event.h>

#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <vector>

#include "lane.h"

namespace npu::dist {

// wait() makes the current stream wait for the operation and returns at once; with a time-out, for a barrier
// and under TORCH_HCCL_BLOCKING_WAIT=1 it makes the host wait, and raises what went wrong: DistBackendError
// naming the operation, the rank and the shapes.
class WorkHCCL : public c10d::Work {
 public:
  // `what`: "allreduce number 3 of group '0' on rank 1 of 2, float32[4, 5]".
  WorkHCCL(int rank, c10d::OpType op, std::shared_ptr<Lane> lane, std::string what, uint64_t number,
           std::chrono::milliseconds timeout, bool blocking);

  // Records the end on the lane's stream, which is the current one.
  void finish_launch(std::vector<at::Tensor> outputs);

  bool isCompleted() override;
  bool isSuccess() const override;
  void synchronize() override;
  bool wait(std::chrono::milliseconds timeout = kNoTimeout) override;
  void abort() override;
  std::vector<at::Tensor> result() override { return outputs_; }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }
  uint64_t getSequencenumber() const override { return number_; }

 private:
  // Whether the device has passed the end; keeps what it raises instead.
  bool passed();
  void wait_on_host(std::chrono::milliseconds timeout);

  const std::shared_ptr<Lane> lane_;
  const std::string what_;
  const uint64_t number_;
  const std::chrono::milliseconds timeout_;
  const bool blocking_;
  c10::Event end_;
  std::vector<at::Tensor> outputs_;
  c10::intrusive_ptr<c10::ivalue::Future> future_;
};

}  // namespace npu::dist
