// SPDX-License-Identifier: BSD-3-Clause
// Messages between two ranks, and the operations that are many of them.
#include <memory>
#include <numeric>

#include "process_group.h"

namespace npu::dist {
namespace {

// Counts and displacements of HcclAlltoAllV, in values; freed by the call that uses them.
struct Exchange {
  std::vector<uint64_t> to, to_at, from, from_at;
  static void displace(const std::vector<uint64_t>& counts, std::vector<uint64_t>& at) {
    at.resize(counts.size());
    std::exclusive_scan(counts.begin(), counts.end(), at.begin(), uint64_t{0});
  }
};

void enqueue_exchange(Lane& lane, const void* out, void* in, Wire w, Exchange exchange) {
  Exchange::displace(exchange.to, exchange.to_at);
  Exchange::displace(exchange.from, exchange.from_at);
  Lane::enqueue("HcclAlltoAllV", [call = hccl().HcclAlltoAllV, out, in, w, comm = lane.comm(),
                                  kept = new Exchange(std::move(exchange))](aclrtStream s) {
    const std::unique_ptr<Exchange> e(kept);
    return call(out, e->to.data(), e->to_at.data(), w.type, in, e->from.data(), e->from_at.data(), w.type,
                comm, s);
  });
}

// Values for each rank: rows of the first dimension as `splits` says, or evenly.
std::vector<uint64_t> counts_of(const char* what, const at::Tensor& t, const std::vector<int64_t>& splits,
                                int size, Wire w) {
  const int64_t rows = t.dim() ? t.size(0) : 1;
  const uint64_t row = rows ? static_cast<uint64_t>(t.numel() / rows) * w.per_element : 0;
  if (splits.empty()) {
    TORCH_CHECK_VALUE(rows % size == 0, "all_to_all_single: the first dimension of the ", what, " (shape ",
                      t.sizes(), ") must divide by ", size, " ranks, or its splits be given");
    return std::vector<uint64_t>(static_cast<size_t>(size), static_cast<uint64_t>(rows / size) * row);
  }
  TORCH_CHECK_VALUE(splits.size() == static_cast<size_t>(size), "all_to_all_single needs a split of the ",
                    what, " for each of the ", size, " ranks, found ", splits.size());
  std::vector<uint64_t> counts;
  int64_t sum = 0;
  for (int64_t n : splits) {
    TORCH_CHECK_VALUE(n >= 0, "all_to_all_single: a split of the ", what, " is ", n);
    sum += n;
    counts.push_back(static_cast<uint64_t>(n) * row);
  }
  TORCH_CHECK_VALUE(sum == rows, "all_to_all_single: the splits of the ", what, " add up to ", sum,
                    ", its first dimension is ", rows);
  return counts;
}

void enqueue_message(Lane& lane, bool send, const at::Tensor& t, int peer) {
  const Wire w = wire_of(t.scalar_type());
  Lane::enqueue(send ? "HcclSend" : "HcclRecv",
                [call = send ? hccl().HcclSend : hccl().HcclRecv, p = bytes_of(t),
                 n = t.numel() * w.per_element, w, peer = static_cast<uint32_t>(peer),
                 comm = lane.comm()](aclrtStream s) { return call(p, n, w.type, peer, comm, s); });
}

}  // namespace

WorkPtr ProcessGroupHCCL::message(bool send, Tensors& tensors, int peer) {
  const char* name = send ? "send" : "recv";
  const at::Tensor& t = only(name, tensors);
  check_rank(name, peer);
  TORCH_CHECK_VALUE(peer != rank_, name, ": rank ", rank_, " cannot exchange a message with itself");
  wire_of(t.scalar_type());
  if (coalescing_) {
    pending_.push_back({send, peer, t});
    return nullptr;
  }
  return run({send ? c10d::OpType::SEND : c10d::OpType::RECV, name, tensors, tensors, kNoTimeout}, t.device(),
             [&](Lane& lane) { enqueue_message(lane, send, t, peer); });
}

WorkPtr ProcessGroupHCCL::send(Tensors& tensors, int to, int /*tag*/) { return message(true, tensors, to); }
WorkPtr ProcessGroupHCCL::recv(Tensors& tensors, int from, int /*tag*/) {
  return message(false, tensors, from);
}

WorkPtr ProcessGroupHCCL::recvAnysource(Tensors&, int) {
  TORCH_CHECK_NOT_IMPLEMENTED(false,
                              "the backend hccl cannot receive from any rank: HCCL names the sender; "
                              "give recv() its src");
}

void ProcessGroupHCCL::startCoalescing() {
  coalescing_ = true;
  coalesced_on_.reset();
}

WorkPtr ProcessGroupHCCL::endCoalescing() {
  coalescing_ = false;
  const std::vector<Pending> pending = std::exchange(pending_, {});
  Tensors tensors;
  for (const Pending& p : pending) tensors.push_back(p.tensor);
  if (pending.empty() && !coalesced_on_) return nullptr;
  const c10::Device device = pending.empty() ? *coalesced_on_ : tensors[0].device();
  const char* name = pending.empty() ? "coalesced collectives" : "batch_isend_irecv";
  return run({c10d::OpType::COALESCED, name, tensors, tensors, kNoTimeout}, device, [&](Lane& lane) {
    if (pending.empty()) return;
    auto items = std::make_unique<std::vector<HcclSendRecvItem>>();
    for (const Pending& p : pending) {
      const Wire w = wire_of(p.tensor.scalar_type());
      items->push_back({p.send ? HCCL_SEND : HCCL_RECV, bytes_of(p.tensor), p.tensor.numel() * w.per_element,
                        w.type, static_cast<uint32_t>(p.peer)});
    }
    Lane::enqueue("HcclBatchSendRecv", [call = hccl().HcclBatchSendRecv, list = items.release(),
                                        comm = lane.comm()](aclrtStream s) {
      const std::unique_ptr<std::vector<HcclSendRecvItem>> kept(list);
      return call(kept->data(), static_cast<uint32_t>(kept->size()), comm, s);
    });
  });
}

WorkPtr ProcessGroupHCCL::alltoall_base(at::Tensor& output, at::Tensor& input,
                                        std::vector<int64_t>& output_splits,
                                        std::vector<int64_t>& input_splits,
                                        const c10d::AllToAllOptions& opts) {
  constexpr const char* name = "all_to_all_single";
  check_tensor(name, output);
  check_tensor(name, input);
  TORCH_CHECK_TYPE(output.scalar_type() == input.scalar_type(), name, " needs tensors of one dtype, found ",
                   input.scalar_type(), " and ", output.scalar_type());
  const Wire w = wire_of(input.scalar_type());
  const auto to = counts_of("input", input, input_splits, size_, w);
  const auto from = counts_of("output", output, output_splits, size_, w);
  return run({c10d::OpType::ALLTOALL_BASE, name, {output, input}, {output}, opts.timeout}, input.device(),
             [&](Lane& lane) {
               enqueue_exchange(lane, bytes_of(input), bytes_of(output), w, {to, {}, from, {}});
             });
}

WorkPtr ProcessGroupHCCL::alltoall(Tensors& outputs, Tensors& inputs, const c10d::AllToAllOptions& opts) {
  constexpr const char* name = "all_to_all";
  const auto ranks = static_cast<size_t>(size_);
  TORCH_CHECK_VALUE(inputs.size() == ranks && outputs.size() == ranks, name,
                    " needs a tensor for each of the ", size_, " ranks, found ", inputs.size(),
                    " to send and ", outputs.size(), " to receive");
  Tensors all = inputs;
  all.insert(all.end(), outputs.begin(), outputs.end());
  for (const at::Tensor& t : all) {
    check_tensor(name, t);
    TORCH_CHECK_TYPE(t.scalar_type() == all[0].scalar_type(), name, " needs tensors of one dtype, found ",
                     all[0].scalar_type(), " and ", t.scalar_type());
  }
  const Wire w = wire_of(all[0].scalar_type());
  const c10::Device device = all[0].device();
  return run({c10d::OpType::ALLTOALL, name, all, outputs, opts.timeout}, device, [&](Lane& lane) {
    Exchange e;
    size_t out_bytes = 0, in_bytes = 0;
    for (size_t r = 0; r < ranks; ++r) {
      e.to.push_back(static_cast<uint64_t>(inputs[r].numel()) * w.per_element);
      e.from.push_back(static_cast<uint64_t>(outputs[r].numel()) * w.per_element);
      out_bytes += inputs[r].nbytes();
      in_bytes += outputs[r].nbytes();
    }
    const c10::DataPtr out = scratch(out_bytes), in = scratch(in_bytes);
    char* at = static_cast<char*>(out.get());
    for (const at::Tensor& t : inputs) {
      copy_on(device, at, bytes_of(t), t.nbytes());
      at += t.nbytes();
    }
    enqueue_exchange(lane, out.get(), in.get(), w, std::move(e));
    at = static_cast<char*>(in.get());
    for (const at::Tensor& t : outputs) {
      copy_on(device, bytes_of(t), at, t.nbytes());
      at += t.nbytes();
    }
  });
}

WorkPtr ProcessGroupHCCL::gather(std::vector<Tensors>& outputs, Tensors& inputs,
                                 const c10d::GatherOptions& opts) {
  const at::Tensor& in = only("gather", inputs);
  check_rank("gather", opts.rootRank);
  wire_of(in.scalar_type());
  const bool root = rank_ == opts.rootRank;
  Tensors out;
  if (root) {
    TORCH_CHECK_VALUE(outputs.size() == 1 && outputs[0].size() == static_cast<size_t>(size_),
                      "gather needs an output for each of the ", size_, " ranks on the root");
    out = outputs[0];
    for (const at::Tensor& t : out) check_tensor("gather", t);
  } else {
    TORCH_CHECK_VALUE(outputs.empty(), "gather takes outputs on the root only");
  }
  Tensors all = out;
  all.push_back(in);
  return run({c10d::OpType::GATHER, "gather", std::move(all), out, opts.timeout}, in.device(),
             [&](Lane& lane) {
               if (!root) return enqueue_message(lane, true, in, static_cast<int>(opts.rootRank));
               for (int r = 0; r < size_; ++r) {
                 const at::Tensor& t = out[static_cast<size_t>(r)];
                 if (r != rank_)
                   enqueue_message(lane, false, t, r);
                 else
                   copy_on(in.device(), bytes_of(t), bytes_of(in), std::min(t.nbytes(), in.nbytes()));
               }
             });
}

WorkPtr ProcessGroupHCCL::scatter(Tensors& outputs, std::vector<Tensors>& inputs,
                                  const c10d::ScatterOptions& opts) {
  const at::Tensor& out = only("scatter", outputs);
  check_rank("scatter", opts.rootRank);
  const Wire w = wire_of(out.scalar_type());
  const bool root = rank_ == opts.rootRank;
  Tensors in;
  if (root) {
    TORCH_CHECK_VALUE(inputs.size() == 1 && inputs[0].size() == static_cast<size_t>(size_),
                      "scatter needs an input for each of the ", size_, " ranks on the root");
    in = inputs[0];
    for (const at::Tensor& t : in) {
      check_tensor("scatter", t);
      TORCH_CHECK_VALUE(t.numel() == out.numel() && t.scalar_type() == out.scalar_type(),
                        "scatter needs inputs like the output, found ", describe({t}), " and ",
                        describe({out}));
    }
  } else {
    TORCH_CHECK_VALUE(inputs.empty(), "scatter takes inputs on the root only");
  }
  Tensors all = in;
  all.push_back(out);
  return run(
      {c10d::OpType::SCATTER, "scatter", std::move(all), {out}, opts.timeout}, out.device(), [&](Lane& lane) {
        c10::DataPtr flat;
        if (root) {
          flat = scratch(out.nbytes() * in.size());
          for (size_t r = 0; r < in.size(); ++r)
            copy_on(out.device(), static_cast<char*>(flat.get()) + r * out.nbytes(), bytes_of(in[r]),
                    out.nbytes());
        }
        Lane::enqueue("HcclScatter", [call = hccl().HcclScatter, from = flat.get(), to = bytes_of(out),
                                      n = out.numel() * w.per_element, w,
                                      root = static_cast<uint32_t>(opts.rootRank), comm = lane.comm()](
                                         aclrtStream s) { return call(from, to, n, w.type, root, comm, s); });
      });
}

}  // namespace npu::dist
