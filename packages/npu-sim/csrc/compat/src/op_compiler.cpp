// libacl_op_compiler: operators by name. The simulator has the operators of libopapi (aclnn*), a few of these
// over them, and no binary for any other.
#include "abi.h"
#include "npu_sim/descriptor.h"
#include "single_op.h"

using namespace npu_sim;

namespace {

template <class Desc, class Buffer>
int check_list(const char* what, int n, Desc* const* descs, Buffer* const* buffers) {
  if (n < 0 || (n > 0 && (!descs || !buffers)))
    return fail(ACL_ERROR_INVALID_PARAM,
                std::string(what) + "s need a count of at least 0 and as many descriptors and buffers");
  for (int i = 0; i < n; ++i)
    if (!tensor_descs().find(descs[i]) || !data_buffers().find(buffers[i]))
      return fail(ACL_ERROR_INVALID_PARAM, std::string(what) + " " + std::to_string(i) +
                                               " is not a live aclTensorDesc with a live aclDataBuffer");
  return 0;
}

template <class Desc, class Buffer>
std::vector<Operand> operands(int n, Desc* const* descs, Buffer* const* buffers) {
  std::vector<Operand> all;
  for (int i = 0; i < n; ++i) {
    const auto desc = tensor_descs().find(descs[i]);
    all.push_back({desc->dtype, desc->shape, data_buffers().find(buffers[i])->data});
  }
  return all;
}

template <class Desc, class Buffer>
int run(const char* op, int inputs, Desc* const* in, Buffer* const* in_data, int outputs, Desc* const* out,
        aclDataBuffer* const* out_data, const aclopAttr* attr, aclrtStream stream) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(require_pointer(op, "opType"));
  NPU_SIM_TRY(stream_of(stream, &s));
  NPU_SIM_TRY(check_list("input", inputs, in, in_data));
  NPU_SIM_TRY(check_list("output", outputs, out, out_data));
  const auto attributes = attr ? op_attrs().find(attr) : nullptr;
  if (attr && !attributes) return fail(ACL_ERROR_INVALID_PARAM, "attr names no live aclopAttr");
  if (has_single_op(op))
    return run_single_op(
        op, {operands(inputs, in, in_data), operands(outputs, out, out_data), attributes.get(), stream});
  return fail(ACL_ERROR_OP_NOT_FOUND,
              std::string("operator ") + op + " has no binary: npu-sim runs operators through aclnn*");
}

}  // namespace

aclError aclopCompileAndExecute(const char* opType, int numInputs, const aclTensorDesc* const inputDesc[],
                                const aclDataBuffer* const inputs[], int numOutputs,
                                const aclTensorDesc* const outputDesc[], aclDataBuffer* const outputs[],
                                const aclopAttr* attr, aclopEngineType /*engineType*/,
                                aclopCompileType /*compileFlag*/, const char* /*opPath*/,
                                aclrtStream stream) {
  return run(opType, numInputs, inputDesc, inputs, numOutputs, outputDesc, outputs, attr, stream);
}

aclError aclopCompileAndExecuteV2(const char* opType, int numInputs, aclTensorDesc* inputDesc[],
                                  aclDataBuffer* inputs[], int numOutputs, aclTensorDesc* outputDesc[],
                                  aclDataBuffer* outputs[], aclopAttr* attr, aclopEngineType /*engineType*/,
                                  aclopCompileType /*compileFlag*/, const char* /*opPath*/,
                                  aclrtStream stream) {
  return run(opType, numInputs, inputDesc, inputs, numOutputs, outputDesc, outputs, attr, stream);
}

// The three functions that write an operator's graph into a file for a debugger of graphs.
aclGraphDumpOption* aclCreateGraphDumpOpt() {
  fail(ACL_ERROR_API_NOT_SUPPORT, "npu-sim compiles no graphs, so it has none to dump");
  return nullptr;
}

aclError aclDestroyGraphDumpOpt(const aclGraphDumpOption* graphDumpOpt) {
  NPU_SIM_TRY(require_pointer(graphDumpOpt, "graphDumpOpt"));
  return fail(ACL_ERROR_API_NOT_SUPPORT, "npu-sim compiles no graphs, so it has none to dump");
}

aclError aclGenGraphAndDumpForOp(const char* opType, int /*numInputs*/,
                                 const aclTensorDesc* const /*inputDesc*/[],
                                 const aclDataBuffer* const /*inputs*/[], int /*numOutputs*/,
                                 const aclTensorDesc* const /*outputDesc*/[],
                                 aclDataBuffer* const /*outputs*/[], const aclopAttr* /*attr*/,
                                 aclopEngineType /*engineType*/, const char* graphDumpPath,
                                 const aclGraphDumpOption* /*graphDumpOpt*/) {
  NPU_SIM_TRY(require_pointer(opType, "opType"));
  NPU_SIM_TRY(require_pointer(graphDumpPath, "graphDumpPath"));
  return fail(ACL_ERROR_API_NOT_SUPPORT, "npu-sim compiles no graphs, so it has none to dump");
}
