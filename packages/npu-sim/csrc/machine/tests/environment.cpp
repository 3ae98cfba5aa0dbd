// A small machine: thread sanitizer has little address space to give.
#include <cstdlib>

namespace {
const int small = [] {
  setenv("NPU_SIM", "2", 1);
  setenv("NPU_SIM_HBM", "256M", 1);
  setenv("NPU_SIM_SLOTS", "2", 1);
  unsetenv("ASCEND_RT_VISIBLE_DEVICES");
  return 0;
}();
}
