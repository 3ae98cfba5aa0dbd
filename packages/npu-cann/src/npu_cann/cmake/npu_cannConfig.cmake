# find_package(npu_cann): the CANN ABI and the build rules that the wheels share.
include("${CMAKE_CURRENT_LIST_DIR}/NpuTargets.cmake")
