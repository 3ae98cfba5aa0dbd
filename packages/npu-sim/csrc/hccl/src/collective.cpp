#include "collective.h"

namespace npu_sim::hccl {
namespace {

constexpr uint64_t kMostElements = 0x7ffffffff;

}  // namespace

HcclResult check_type(const char* call, uint64_t count, HcclDataType dtype, Setup* s) {
  s->element = element_size(dtype);
  if (!s->element)
    return refuse(HCCL_E_NOT_SUPPORT,
                  std::string(call) + ": " + std::to_string(static_cast<uint32_t>(dtype)) + " is no dtype");
  if (count > kMostElements)
    return refuse(HCCL_E_PARA, std::string(call) + ": count must be at most " +
                                   std::to_string(kMostElements) + ", found " + std::to_string(count));
  return HCCL_SUCCESS;
}

HcclResult check_reduction(const char* call, HcclDataType dtype, HcclReduceOp op) {
  if (static_cast<uint32_t>(op) > HCCL_REDUCE_MIN)
    return refuse(HCCL_E_PARA, std::string(call) + ": " + std::to_string(static_cast<uint32_t>(op)) +
                                   " is no reduction: sum 0, prod 1, max 2, min 3");
  if (!reducible(dtype))
    return refuse(HCCL_E_NOT_SUPPORT,
                  std::string(call) + ": this SoC does not reduce " + dtype_name(dtype) +
                      ": int8, int16, int32, int64, fp16, fp32, bfp16 are reduced where it computes in them");
  return HCCL_SUCCESS;
}

HcclResult check_root(const char* call, const Communicator& comm, uint32_t root) {
  if (root < comm.size) return HCCL_SUCCESS;
  return refuse(HCCL_E_PARA, std::string(call) + ": root must be below the " + std::to_string(comm.size) +
                                 " ranks, found " + std::to_string(root));
}

HcclResult check_pointer(const char* call, const void* p, const char* name) {
  return p ? HCCL_SUCCESS : refuse(HCCL_E_PTR, std::string(call) + ": " + name + " is null");
}

Call call_of(HcclCMDType kind, uint64_t count, HcclDataType dtype, uint32_t op, uint32_t root) {
  return {static_cast<uint32_t>(kind), static_cast<uint32_t>(dtype), op, root, count, 0};
}

HcclResult submit(const Setup& s, const char* name, aclrtStream stream, std::vector<Operand> operands,
                  Call call, Rounds rounds) {
  return enqueue_job(s.comm, name, stream, {&s.comm->collectives}, std::move(operands),
                     [comm = s.comm.get(), name, call, rounds = std::move(rounds)] {
                       return run_rounds(*comm, name, call, rounds);
                     });
}

void reduce_buffers(const Communicator& comm, const Buffers& buffer, size_t offset, void* out, uint64_t n,
                    HcclDataType dtype, HcclReduceOp op) {
  std::vector<const void*> inputs;
  for (uint32_t r = 0; r < comm.size; ++r) inputs.push_back(buffer(r) + offset);
  reduce(out, inputs, n, dtype, op);
}

}  // namespace npu_sim::hccl
