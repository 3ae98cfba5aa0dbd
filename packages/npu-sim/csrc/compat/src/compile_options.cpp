// Options of the operator compiler. The simulator compiles nothing: it keeps what is set and answers it.
#include <array>
#include <cstring>
#include <mutex>

#include "abi.h"

using namespace npu_sim;

namespace {

constexpr size_t kOptions = ACL_OP_DEBUG_OPTION + 1;

struct Options {
  std::mutex mutex;
  std::array<std::string, kOptions> values;

  Options() {
    // As on a device of the second generation: operators have binaries, and none is compiled while it runs.
    values[ACL_OP_JIT_COMPILE] = "disable";
    values[ACL_PRECISION_MODE] = "allow_fp32_to_fp16";
    values[ACL_OP_DETERMINISTIC] = "0";
  }
};

Options& options() {
  static auto* o = new Options;
  return *o;
}

int require_known(aclCompileOpt opt) {
  if (opt >= 0 && static_cast<size_t>(opt) < kOptions) return 0;
  return fail(ACL_ERROR_INVALID_PARAM, "unknown compile option " + std::to_string(opt));
}

}  // namespace

aclError aclSetCompileopt(aclCompileOpt opt, const char* value) {
  NPU_SIM_TRY(ready());
  NPU_SIM_TRY(require_known(opt));
  NPU_SIM_TRY(require_pointer(value, "value"));
  if (opt == ACL_OP_JIT_COMPILE && std::strcmp(value, "enable") != 0 && std::strcmp(value, "disable") != 0)
    return fail(ACL_ERROR_INVALID_PARAM,
                std::string("ACL_OP_JIT_COMPILE must be enable or disable, found ") + value);
  Options& o = options();
  std::lock_guard lock(o.mutex);
  o.values[static_cast<size_t>(opt)] = value;
  return ACL_SUCCESS;
}

// Bytes that aclGetCompileopt writes, the ending zero included; 0 for an unknown option.
size_t aclGetCompileoptSize(aclCompileOpt opt) {
  if (require_known(opt)) return 0;
  Options& o = options();
  std::lock_guard lock(o.mutex);
  return o.values[static_cast<size_t>(opt)].size() + 1;
}

aclError aclGetCompileopt(aclCompileOpt opt, char* value, size_t length) {
  NPU_SIM_TRY(require_known(opt));
  NPU_SIM_TRY(require_pointer(value, "value"));
  Options& o = options();
  std::lock_guard lock(o.mutex);
  const std::string& text = o.values[static_cast<size_t>(opt)];
  if (length < text.size() + 1)
    return fail(ACL_ERROR_INVALID_PARAM, "length must be at least " + std::to_string(text.size() + 1) +
                                             " (aclGetCompileoptSize), found " + std::to_string(length));
  std::memcpy(value, text.c_str(), text.size() + 1);
  return ACL_SUCCESS;
}
