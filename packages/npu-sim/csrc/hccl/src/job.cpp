#include "job.h"

#include <algorithm>
#include <string_view>

#include "npu_sim/activity.h"
#include "npu_sim/capture.h"
#include "npu_sim/error.h"
#include "npu_sim/memory.h"
#include "npu_sim/stream.h"
#include "npu_sim/watch.h"

namespace npu_sim::hccl {
namespace {

class Job {
 public:
  Job(std::shared_ptr<Communicator> comm, const char* call, std::vector<Operand> operands,
      std::function<HcclResult()> run)
      : comm_(std::move(comm)), call_(call), operands_(std::move(operands)), run_(std::move(run)) {}
  Job(const Job&) = delete;  // its turns are taken once
  ~Job() {
    if (!ran_) {
      // Its stream has stopped. The other ranks must not wait for it.
      comm_->fail(HCCL_E_UNAVAIL, std::string(call_) + " was dropped: its stream had stopped before");
      take_error_message();
    }
    for (const Turn& turn : turns_) comm_->end_turn(turn);
  }

  void take_turns(const std::vector<Line*>& lines) {
    for (Line* line : lines) turns_.push_back(comm_->take_turn(*line));
  }

  int operator()() {
    ran_ = true;
    return stream_code(run());
  }

 private:
  HcclResult run() {
    for (const Turn& turn : turns_) NPU_SIM_HCCL_TRY(comm_->wait_for_turn(turn));
    NPU_SIM_HCCL_TRY(comm_->check_usable(call_));
    for (const Operand& o : operands_)
      if (!owns(o.address, o.bytes, nullptr))
        return comm_->fail(HCCL_E_MEMORY, std::string(call_) + ": " + o.name +
                                              " was freed before the stream reached the operation");
    if (watching() & (kWatchCheck | kWatchTiming)) note_operands();
    return run_();
  }

  void note_operands() const {
    KernelCost cost;
    for (const Operand& o : operands_) {
      const std::string_view name = o.name;
      const Access access = name == "sendBuf"   ? Access::read
                            : name == "recvBuf" ? Access::write
                                                : Access::both;
      if (watching() & kWatchCheck) note_access(call_, o.name, o.address, o.bytes, access);
      cost.bytes = std::max(cost.bytes, static_cast<double>(o.bytes));
    }
    note_cost(cost);
  }

  const std::shared_ptr<Communicator> comm_;
  const char* const call_;
  const std::vector<Operand> operands_;
  const std::function<HcclResult()> run_;
  std::vector<Turn> turns_;
  bool ran_ = false;
};

HcclResult check_operand(const char* call, const Operand& o, int device) {
  const std::string what = std::string(call) + ": " + o.name;
  if (!o.address) return refuse(HCCL_E_PTR, what + " is null");
  if (!is_device_address(o.address)) return refuse(HCCL_E_PARA, what + " is host memory, not the device's");
  int found = -1;
  if (!owns(o.address, o.bytes, &found))
    return refuse(HCCL_E_PARA, what + " must be " + std::to_string(o.bytes) +
                                   " bytes inside one live allocation of npu:" + std::to_string(device));
  if (found != device)
    return refuse(HCCL_E_PARA, what + " is memory of npu:" + std::to_string(found) +
                                   ", the communicator's is npu:" + std::to_string(device));
  return HCCL_SUCCESS;
}

}  // namespace

HcclResult enqueue_job(const std::shared_ptr<Communicator>& comm, const char* call, aclrtStream handle,
                       const std::vector<Line*>& lines, std::vector<Operand> operands,
                       std::function<HcclResult()> run) {
  NPU_SIM_HCCL_TRY(comm->check_usable(call));
  std::shared_ptr<Stream> stream;
  if (int code = stream_of(handle, &stream)) return machine_refused(code);
  if (device_of(*stream) != comm->device)
    return refuse(HCCL_E_PARA, std::string(call) +
                                   ": the stream belongs to npu:" + std::to_string(device_of(*stream)) +
                                   ", the communicator to npu:" + std::to_string(comm->device));
  for (const Operand& o : operands) NPU_SIM_HCCL_TRY(check_operand(call, o, comm->device));
  NPU_SIM_HCCL_TRY(comm->take_buffers(call));
  const CallScope scope(call);
  if (capturing(*stream)) {
    // Turns are taken by each execution, when it starts.
    auto make = [comm, call, lines, operands, run](Stream&) -> Task {
      auto job = std::make_unique<Job>(comm, call, operands, run);
      std::lock_guard lock(comm->issue);
      job->take_turns(lines);
      return [job = std::move(job)] { return (*job)(); };
    };
    const int code = capture_made(*stream, call, std::move(make), Engine::copy);
    return code ? machine_refused(code) : HCCL_SUCCESS;
  }
  auto job = std::make_unique<Job>(comm, call, std::move(operands), std::move(run));
  // Turns and places in the stream are given out together: on one stream, a later turn would wait for one
  // that is queued behind it.
  std::lock_guard lock(comm->issue);
  job->take_turns(lines);
  if (int code = enqueue(
          *stream, call, [job = std::move(job)] { return (*job)(); }, Engine::copy))
    return machine_refused(code);
  return HCCL_SUCCESS;
}

}  // namespace npu_sim::hccl
