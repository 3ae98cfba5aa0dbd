// Run-time options. The simulator's kernels are deterministic and check their bounds whatever is set here, so
// setting changes nothing but what the getters answer.
#include <array>
#include <atomic>

#include "abi.h"

using namespace npu_sim;

namespace {

std::array<std::atomic<int64_t>, 3> process_options{};

int option(aclSysParamOpt opt, std::atomic<int64_t>** slot) {
  if (opt < ACL_OPT_DETERMINISTIC || opt > ACL_OPT_STRONG_CONSISTENCY)
    return fail(ACL_ERROR_RT_PARAM_INVALID, "unknown option " + std::to_string(opt));
  *slot = &process_options[static_cast<size_t>(opt)];
  return 0;
}

}  // namespace

static int require_flag(int64_t value) {
  if (value == 0 || value == 1) return 0;
  return fail(ACL_ERROR_RT_PARAM_INVALID, "value must be 0 or 1, found " + std::to_string(value));
}

// One context's options, where they differ from the process's.
aclError aclrtCtxSetSysParamOpt(aclSysParamOpt opt, int64_t value) {
  std::atomic<int64_t>* slot = nullptr;
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(enter(&context));
  NPU_SIM_TRY(option(opt, &slot));
  NPU_SIM_TRY(require_flag(value));
  context->options[static_cast<size_t>(opt)].store(value);
  return ACL_SUCCESS;
}

aclError aclrtCtxGetSysParamOpt(aclSysParamOpt opt, int64_t* value) {
  std::atomic<int64_t>* slot = nullptr;
  std::shared_ptr<Context> context;
  NPU_SIM_TRY(require_pointer(value, "value"));
  NPU_SIM_TRY(enter(&context));
  NPU_SIM_TRY(option(opt, &slot));
  const int64_t own = context->options[static_cast<size_t>(opt)].load();
  if (own < 0)
    return fail(ACL_ERROR_RT_SYSPARAMOPT_NOT_SET, "the option was not set with aclrtCtxSetSysParamOpt");
  *value = own;
  return ACL_SUCCESS;
}

aclError aclrtSetSysParamOpt(aclSysParamOpt opt, int64_t value) {
  std::atomic<int64_t>* slot = nullptr;
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(option(opt, &slot));
  NPU_SIM_TRY(require_flag(value));
  slot->store(value);
  return ACL_SUCCESS;
}

aclError aclrtGetSysParamOpt(aclSysParamOpt opt, int64_t* value) {
  std::atomic<int64_t>* slot = nullptr;
  NPU_SIM_TRY(require_pointer(value, "value"));
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(option(opt, &slot));
  *value = slot->load();
  return ACL_SUCCESS;
}
