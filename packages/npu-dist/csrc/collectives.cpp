// SPDX-License-Identifier: BSD-3-Clause
#include <c10/core/impl/VirtualGuardImpl.h>

#include "process_group.h"

namespace npu::dist {
namespace {

struct aclnnInplaceDivs : npu::op<aclnnInplaceDivs, aclTensor*, const aclScalar*> {
  static constexpr const char* name = "aclnnInplaceDivs";
  static constexpr const char* directions = "bi";
};

// Whether HCCL's operations with one count for all ranks do.
bool same_sizes(const Tensors& list, const at::Tensor& one) {
  for (const at::Tensor& t : list)
    if (t.numel() != one.numel()) return false;
  return true;
}

void check_list(const char* name, const Tensors& list, int size, const at::Tensor& one) {
  TORCH_CHECK_VALUE(list.size() == static_cast<size_t>(size), name, " needs a tensor for each of the ", size,
                    " ranks, found ", list.size());
  for (const at::Tensor& t : list) {
    check_tensor(name, t);
    TORCH_CHECK_TYPE(t.scalar_type() == one.scalar_type(), name, " needs tensors of one dtype, found ",
                     one.scalar_type(), " and ", t.scalar_type());
  }
}

void check_ratio(const char* name, const at::Tensor& all, const at::Tensor& one, int size) {
  check_tensor(name, all);
  check_tensor(name, one);
  TORCH_CHECK_TYPE(all.scalar_type() == one.scalar_type(), name, " needs tensors of one dtype, found ",
                   one.scalar_type(), " and ", all.scalar_type());
  TORCH_CHECK_VALUE(all.numel() == one.numel() * size, name, " needs ", size, " times the ", one.numel(),
                    " elements of one rank's tensor (shape ", one.sizes(), "), found ", all.numel(),
                    " (shape ", all.sizes(), ")");
}

Tensors joined(Tensors list, const at::Tensor& one) {
  list.push_back(one);
  return list;
}

const Tensors& only_list(const char* name, const std::vector<Tensors>& lists) {
  TORCH_CHECK_VALUE(lists.size() == 1, name, " of the backend hccl takes one list of tensors a call, found ",
                    lists.size());
  return lists[0];
}

}  // namespace

// --- one HCCL call each, on the current stream
// ------------------------------------------------------------------

void ProcessGroupHCCL::average(const at::Tensor& sum) const {
  if (sum.numel()) launch<aclnnInplaceDivs>(sum, c10::Scalar(static_cast<double>(size_)));
}

void ProcessGroupHCCL::enqueue_all_reduce(Lane& lane, const at::Tensor& t, const c10d::ReduceOp& op) {
  const Reduction r = reduction_of(op, t.scalar_type());
  Lane::enqueue("HcclAllReduce",
                [call = hccl().HcclAllReduce, p = bytes_of(t), n = t.numel() * r.wire.per_element, r,
                 comm = lane.comm()](aclrtStream s) { return call(p, p, n, r.wire.type, r.op, comm, s); });
  if (r.average) average(t);
}

void ProcessGroupHCCL::enqueue_reduce(Lane& lane, const at::Tensor& in, void* out, const c10d::ReduceOp& op,
                                      int64_t root) {
  const Reduction r = reduction_of(op, in.scalar_type());
  Lane::enqueue("HcclReduce",
                [call = hccl().HcclReduce, p = bytes_of(in), out, n = in.numel() * r.wire.per_element, r,
                 root = static_cast<uint32_t>(root), comm = lane.comm()](aclrtStream s) {
                  return call(p, out, n, r.wire.type, r.op, root, comm, s);
                });
}

void ProcessGroupHCCL::enqueue_broadcast(Lane& lane, const at::Tensor& t, int64_t root) {
  const Wire w = wire_of(t.scalar_type());
  Lane::enqueue("HcclBroadcast", [call = hccl().HcclBroadcast, p = bytes_of(t), n = t.numel() * w.per_element,
                                  w, root = static_cast<uint32_t>(root), comm = lane.comm()](aclrtStream s) {
    return call(p, n, w.type, root, comm, s);
  });
}

void ProcessGroupHCCL::enqueue_all_gather(Lane& lane, void* out, const at::Tensor& in) {
  const Wire w = wire_of(in.scalar_type());
  Lane::enqueue("HcclAllGather",
                [call = hccl().HcclAllGather, p = bytes_of(in), out, n = in.numel() * w.per_element, w,
                 comm = lane.comm()](aclrtStream s) { return call(p, out, n, w.type, comm, s); });
}

void ProcessGroupHCCL::enqueue_reduce_scatter(Lane& lane, const at::Tensor& out, const void* in,
                                              const c10d::ReduceOp& op) {
  const Reduction r = reduction_of(op, out.scalar_type());
  Lane::enqueue("HcclReduceScatter",
                [call = hccl().HcclReduceScatter, in, p = bytes_of(out), n = out.numel() * r.wire.per_element,
                 r, comm = lane.comm()](aclrtStream s) {
                  return call(const_cast<void*>(in), p, n, r.wire.type, r.op, comm, s);
                });
  if (r.average) average(out);
}

// --- c10d's operations
// ------------------------------------------------------------------------------------------

WorkPtr ProcessGroupHCCL::allreduce(Tensors& tensors, const c10d::AllreduceOptions& opts) {
  const at::Tensor& t = only("allreduce", tensors);
  reduction_of(opts.reduceOp, t.scalar_type());  // refuses before anything is enqueued
  return run({c10d::OpType::ALLREDUCE, "allreduce", tensors, tensors, opts.timeout}, t.device(),
             [&](Lane& lane) { enqueue_all_reduce(lane, t, opts.reduceOp); });
}

WorkPtr ProcessGroupHCCL::allreduce_coalesced(Tensors& tensors, const c10d::AllreduceCoalescedOptions& opts) {
  constexpr const char* name = "allreduce_coalesced";
  TORCH_CHECK_VALUE(!tensors.empty(), name, " needs at least one tensor");
  for (const at::Tensor& t : tensors) {
    check_tensor(name, t);
    reduction_of(opts.reduceOp, t.scalar_type());
  }
  return run({c10d::OpType::ALLREDUCE_COALESCED, name, tensors, tensors, opts.timeout}, tensors[0].device(),
             [&](Lane& lane) {
               for (const at::Tensor& t : tensors) enqueue_all_reduce(lane, t, opts.reduceOp);
             });
}

WorkPtr ProcessGroupHCCL::broadcast(Tensors& tensors, const c10d::BroadcastOptions& opts) {
  const at::Tensor& t = only("broadcast", tensors);
  check_rank("broadcast", opts.rootRank);
  wire_of(t.scalar_type());
  return run({c10d::OpType::BROADCAST, "broadcast", tensors, tensors, opts.timeout}, t.device(),
             [&](Lane& lane) { enqueue_broadcast(lane, t, opts.rootRank); });
}

WorkPtr ProcessGroupHCCL::reduce(Tensors& tensors, const c10d::ReduceOptions& opts) {
  const at::Tensor& t = only("reduce", tensors);
  check_rank("reduce", opts.rootRank);
  const bool averages = reduction_of(opts.reduceOp, t.scalar_type()).average;
  return run({c10d::OpType::REDUCE, "reduce", tensors, tensors, opts.timeout}, t.device(), [&](Lane& lane) {
    enqueue_reduce(lane, t, bytes_of(t), opts.reduceOp, opts.rootRank);
    if (averages && rank_ == opts.rootRank) average(t);
  });
}

WorkPtr ProcessGroupHCCL::_allgather_base(at::Tensor& output, at::Tensor& input,
                                          const c10d::AllgatherOptions& opts) {
  check_ratio("all_gather_into_tensor", output, input, size_);
  wire_of(input.scalar_type());
  return run(
      {c10d::OpType::_ALLGATHER_BASE, "all_gather_into_tensor", {output, input}, {output}, opts.timeout},
      input.device(), [&](Lane& lane) { enqueue_all_gather(lane, bytes_of(output), input); });
}

WorkPtr ProcessGroupHCCL::allgather_into_tensor_coalesced(Tensors& outputs, Tensors& inputs,
                                                          const c10d::AllgatherOptions& opts) {
  constexpr const char* name = "allgather_into_tensor_coalesced";
  TORCH_CHECK_VALUE(!inputs.empty() && outputs.size() == inputs.size(), name,
                    " needs an output for each input");
  for (size_t i = 0; i < inputs.size(); ++i) check_ratio(name, outputs[i], inputs[i], size_);
  Tensors all = inputs;
  all.insert(all.end(), outputs.begin(), outputs.end());
  return run({c10d::OpType::COALESCED, name, std::move(all), outputs, opts.timeout}, inputs[0].device(),
             [&](Lane& lane) {
               for (size_t i = 0; i < inputs.size(); ++i)
                 enqueue_all_gather(lane, bytes_of(outputs[i]), inputs[i]);
             });
}

WorkPtr ProcessGroupHCCL::allgather(std::vector<Tensors>& outputs, Tensors& inputs,
                                    const c10d::AllgatherOptions& opts) {
  const at::Tensor& in = only("all_gather", inputs);
  const Tensors& out = only_list("all_gather", outputs);
  check_list("all_gather", out, size_, in);
  TORCH_CHECK_VALUE(out[static_cast<size_t>(rank_)].numel() == in.numel(), "all_gather: rank ", rank_,
                    " gives shape ", in.sizes(), " and expects its own part as ",
                    out[static_cast<size_t>(rank_)].sizes());
  wire_of(in.scalar_type());
  return run({c10d::OpType::ALLGATHER, "all_gather", joined(out, in), out, opts.timeout}, in.device(),
             [&](Lane& lane) {
               const size_t part = in.nbytes();
               if (!same_sizes(out, in)) {
                 copy_on(in.device(), bytes_of(out[static_cast<size_t>(rank_)]), bytes_of(in), part);
                 for (int r = 0; r < size_; ++r) enqueue_broadcast(lane, out[static_cast<size_t>(r)], r);
                 return;
               }
               const c10::DataPtr flat = scratch(part * out.size());
               enqueue_all_gather(lane, flat.get(), in);
               for (size_t r = 0; r < out.size(); ++r)
                 copy_on(in.device(), bytes_of(out[r]), static_cast<char*>(flat.get()) + r * part, part);
             });
}

WorkPtr ProcessGroupHCCL::_reduce_scatter_base(at::Tensor& output, at::Tensor& input,
                                               const c10d::ReduceScatterOptions& opts) {
  check_ratio("reduce_scatter_tensor", input, output, size_);
  reduction_of(opts.reduceOp, input.scalar_type());
  return run(
      {c10d::OpType::_REDUCE_SCATTER_BASE, "reduce_scatter_tensor", {output, input}, {output}, opts.timeout},
      input.device(),
      [&](Lane& lane) { enqueue_reduce_scatter(lane, output, bytes_of(input), opts.reduceOp); });
}

WorkPtr ProcessGroupHCCL::reduce_scatter_tensor_coalesced(Tensors& outputs, Tensors& inputs,
                                                          const c10d::ReduceScatterOptions& opts) {
  constexpr const char* name = "reduce_scatter_tensor_coalesced";
  TORCH_CHECK_VALUE(!inputs.empty() && outputs.size() == inputs.size(), name,
                    " needs an output for each input");
  for (size_t i = 0; i < inputs.size(); ++i) {
    check_ratio(name, inputs[i], outputs[i], size_);
    reduction_of(opts.reduceOp, inputs[i].scalar_type());
  }
  Tensors all = inputs;
  all.insert(all.end(), outputs.begin(), outputs.end());
  return run({c10d::OpType::REDUCE_SCATTER_TENSOR_COALESCED, name, std::move(all), outputs, opts.timeout},
             inputs[0].device(), [&](Lane& lane) {
               for (size_t i = 0; i < inputs.size(); ++i)
                 enqueue_reduce_scatter(lane, outputs[i], bytes_of(inputs[i]), opts.reduceOp);
             });
}

WorkPtr ProcessGroupHCCL::reduce_scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                                         const c10d::ReduceScatterOptions& opts) {
  constexpr const char* name = "reduce_scatter";
  const at::Tensor& out = only(name, outputs);
  const Tensors& in = only_list(name, inputs);
  check_list(name, in, size_, out);
  TORCH_CHECK_VALUE(in[static_cast<size_t>(rank_)].numel() == out.numel(), name, ": rank ", rank_,
                    " gives shape ", in[static_cast<size_t>(rank_)].sizes(), " for itself and expects ",
                    out.sizes());
  const bool averages = reduction_of(opts.reduceOp, out.scalar_type()).average;
  return run({c10d::OpType::REDUCE_SCATTER, name, joined(in, out), {out}, opts.timeout}, out.device(),
             [&](Lane& lane) {
               const size_t part = out.nbytes();
               if (!same_sizes(in, out)) {
                 for (int r = 0; r < size_; ++r)
                   enqueue_reduce(lane, in[static_cast<size_t>(r)],
                                  bytes_of(r == rank_ ? out : in[static_cast<size_t>(r)]), opts.reduceOp, r);
                 if (averages) average(out);
                 return;
               }
               const c10::DataPtr flat = scratch(part * in.size());
               for (size_t r = 0; r < in.size(); ++r)
                 copy_on(out.device(), static_cast<char*>(flat.get()) + r * part, bytes_of(in[r]), part);
               enqueue_reduce_scatter(lane, out, flat.get(), opts.reduceOp);
             });
}

WorkPtr ProcessGroupHCCL::barrier(const c10d::BarrierOptions& opts) {
  c10::Device device(c10::kPrivateUse1, -1);
  if (!opts.device_ids.empty())
    device.set_index(static_cast<c10::DeviceIndex>(opts.device_ids[0]));
  else if (opts.device && opts.device->is_privateuseone())
    device = *opts.device;
  else if (bound_device_id_)
    device = *bound_device_id_;
  if (device.index() < 0) device = c10::impl::VirtualGuardImpl(c10::kPrivateUse1).getDevice();
  // The host waits: after a barrier, what the ranks did before it has happened.
  return run(
      {c10d::OpType::BARRIER, "barrier", {}, {}, opts.timeout, /*blocking=*/true}, device, [&](Lane& lane) {
        if (hccl().HcclBarrier) {
          Lane::enqueue("HcclBarrier", [call = hccl().HcclBarrier, comm = lane.comm()](aclrtStream s) {
            return call(comm, s);
          });
          return;
        }
        const c10::DataPtr word = scratch(sizeof(int32_t));
        Lane::enqueue("HcclAllReduce",
                      [call = hccl().HcclAllReduce, p = word.get(), comm = lane.comm()](aclrtStream s) {
                        return call(p, p, 1, HCCL_DATA_TYPE_INT32, HCCL_REDUCE_MAX, comm, s);
                      });
      });
}

}  // namespace npu::dist
