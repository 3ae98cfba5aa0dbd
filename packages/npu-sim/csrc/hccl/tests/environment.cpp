// A small machine with four devices, and short time-outs.
#include <cstdlib>

namespace {
const int small = [] {
  setenv("NPU_SIM", "4", 1);
  setenv("NPU_SIM_HBM", "256M", 1);
  setenv("NPU_SIM_SLOTS", "2", 1);
  setenv("HCCL_BUFFSIZE", "2", 1);  // MB; a communicator takes twice that of each device
  setenv("HCCL_EXEC_TIMEOUT", "2", 1);
  setenv("HCCL_CONNECT_TIMEOUT", "20", 1);
  unsetenv("ASCEND_RT_VISIBLE_DEVICES");
  return 0;
}();
}
