#include "npu_sim/error.h"

#include <utility>

namespace npu_sim {
namespace {

struct ErrorState {
  std::string message;
  std::string handed_out;
  int last = 0;
};

// Never freed: destructors of other thread-local objects may still call and fail.
ErrorState& state() {
  thread_local auto* s = new ErrorState;
  return *s;
}

}  // namespace

const char* error_name(int code) {
  struct Name {
    int code;
    const char* name;
  };
#define NPU_SIM_NAME(name, value) {value, #name},
  static constexpr Name kNames[] = {NPU_CANN_ERRORS(NPU_SIM_NAME)};
#undef NPU_SIM_NAME
  for (const Name& n : kNames)
    if (n.code == code) return n.name;
  return "unknown error";
}

void set_error_message(std::string message) { state().message = std::move(message); }

int fail(int code, std::string message) {
  state().message = std::move(message);
  state().last = code;
  return code;
}

std::string take_error_message() { return std::exchange(state().message, {}); }

const char* hand_out_error_message() {
  state().handed_out = take_error_message();
  return state().handed_out.empty() ? nullptr : state().handed_out.c_str();
}

int last_error(bool clear) { return clear ? std::exchange(state().last, 0) : state().last; }

}  // namespace npu_sim
