// SPDX-License-Identifier: BSD-3-Clause
// torch.distributed's backend "hccl".
//
// Streams. A group has one stream a device. An operation waits there for what the caller's current stream has
// to do so far, and Work::wait() makes the caller's stream wait for it. All of it goes through npu-core's
// launch queue, so the calling thread never waits; only a group's first operation on a device does, for its
// peers. Memory. Every tensor is recorded on the group's stream: its memory is not reused before the
// operation ended. Errors. What can be seen at the call is raised there. What HCCL finds later (ranks that
// disagree, time-outs, dead ranks) is an error of the stream: whoever waits for the device gets it,
// Work::wait(timeout) and the group's next operation say which operation it was.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <vector>

#include "lane.h"
#include "work.h"

namespace npu::dist {

using Tensors = std::vector<at::Tensor>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

class ProcessGroupHCCL : public c10d::Backend {
 public:
  ProcessGroupHCCL(c10::intrusive_ptr<c10d::Store> store, int rank, int size, std::string name,
                   std::chrono::milliseconds timeout);
  ~ProcessGroupHCCL() override = default;

  const std::string getBackendName() const override { return "hccl"; }
  bool supportsCoalescing() const override { return true; }
  c10::intrusive_ptr<Options> getBackendOptions() override { return options_; }
  void setTimeout(std::chrono::milliseconds timeout) override { options_->timeout = timeout; }
  void setSequenceNumberForGroup() override {}
  uint64_t getSequenceNumberForGroup() override { return number_; }
  void eagerConnectSingleDevice(at::Device device) override { lane(device); }
  c10d::ErrorType getError() override;
  // Waits for what was enqueued, then gives the communicators back; abort() does not wait.
  void shutdown() override { close(true); }
  void abort() override { close(false); }

  WorkPtr broadcast(Tensors& tensors, const c10d::BroadcastOptions& opts) override;
  WorkPtr allreduce(Tensors& tensors, const c10d::AllreduceOptions& opts) override;
  WorkPtr allreduce_coalesced(Tensors& tensors, const c10d::AllreduceCoalescedOptions& opts) override;
  WorkPtr reduce(Tensors& tensors, const c10d::ReduceOptions& opts) override;
  WorkPtr allgather(std::vector<Tensors>& outputs, Tensors& inputs,
                    const c10d::AllgatherOptions& opts) override;
  WorkPtr _allgather_base(at::Tensor& output, at::Tensor& input, const c10d::AllgatherOptions& opts) override;
  WorkPtr allgather_into_tensor_coalesced(Tensors& outputs, Tensors& inputs,
                                          const c10d::AllgatherOptions& opts) override;
  WorkPtr reduce_scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                         const c10d::ReduceScatterOptions& opts) override;
  WorkPtr _reduce_scatter_base(at::Tensor& output, at::Tensor& input,
                               const c10d::ReduceScatterOptions& opts) override;
  WorkPtr reduce_scatter_tensor_coalesced(Tensors& outputs, Tensors& inputs,
                                          const c10d::ReduceScatterOptions& opts) override;
  WorkPtr alltoall_base(at::Tensor& output, at::Tensor& input, std::vector<int64_t>& output_splits,
                        std::vector<int64_t>& input_splits, const c10d::AllToAllOptions& opts) override;
  WorkPtr alltoall(Tensors& outputs, Tensors& inputs, const c10d::AllToAllOptions& opts) override;
  WorkPtr gather(std::vector<Tensors>& outputs, Tensors& inputs, const c10d::GatherOptions& opts) override;
  WorkPtr scatter(Tensors& outputs, std::vector<Tensors>& inputs, const c10d::ScatterOptions& opts) override;
  WorkPtr barrier(const c10d::BarrierOptions& opts) override;

  WorkPtr send(Tensors& tensors, int to, int tag) override;
  WorkPtr recv(Tensors& tensors, int from, int tag) override;
  WorkPtr recvAnysource(Tensors& tensors, int tag) override;
  // Sends and receives between the two become one operation, so that no order of theirs can deadlock.
  // Collectives between the two run as they come; the end's Work covers them.
  void startCoalescing() override;
  WorkPtr endCoalescing() override;

 private:
  // What an operation is: for messages, memory and its Work.
  struct Operation {
    c10d::OpType type;
    const char* name;
    Tensors tensors;  // everything it touches
    Tensors outputs;
    std::chrono::milliseconds timeout;
    bool blocking = false;
  };
  // Runs `launch`, which enqueues, with the lane's stream current, and makes the Work.
  WorkPtr run(Operation operation, c10::Device device, const std::function<void(Lane&)>& launch);
  // The group's lane on a device, made by its first operation.
  std::shared_ptr<Lane> lane(c10::Device device);
  void close(bool wait);

  void enqueue_all_reduce(Lane& lane, const at::Tensor& t, const c10d::ReduceOp& op);
  void enqueue_reduce(Lane& lane, const at::Tensor& in, void* out, const c10d::ReduceOp& op, int64_t root);
  void enqueue_all_gather(Lane& lane, void* out, const at::Tensor& in);
  void enqueue_reduce_scatter(Lane& lane, const at::Tensor& out, const void* in, const c10d::ReduceOp& op);
  void enqueue_broadcast(Lane& lane, const at::Tensor& t, int64_t root);
  void average(const at::Tensor& sum) const;
  WorkPtr message(bool send, Tensors& tensors, int peer);
  void check_rank(const char* name, int64_t rank) const;

  const c10::intrusive_ptr<c10d::Store> store_;
  const std::string name_;
  const c10::intrusive_ptr<Options> options_;
  std::mutex mutex_;  // lanes
  std::map<c10::DeviceIndex, std::shared_ptr<Lane>> lanes_;
  std::atomic<uint64_t> number_{0};
  bool closed_ = false;

  bool coalescing_ = false;
  std::optional<c10::Device> coalesced_on_;  // where operations ran since startCoalescing
  struct Pending {
    bool send;
    int peer;
    at::Tensor tensor;
  };
  std::vector<Pending> pending_;
};

// "float32[4, 5]" of each, for messages.
std::string describe(const Tensors& tensors);
// One dense, contiguous tensor on npu. ValueError naming what is wrong.
void check_tensor(const char* name, const at::Tensor& t);
const at::Tensor& only(const char* name, const Tensors& tensors);
inline char* bytes_of(const at::Tensor& t) { return static_cast<char*>(t.mutable_data_ptr()); }

}  // namespace npu::dist
