# find_package(npu_core): target npu::core_headers, the headers that a plugin wheel compiles against (npu/core/abi.h and
# launch.h). There is nothing to link: a plugin library gets npu-core's table at run time.
include(CMakeFindDependencyMacro)
find_dependency(npu_cann)
if(NOT TARGET npu_core_headers)
  add_library(npu_core_headers INTERFACE)
  add_library(npu::core_headers ALIAS npu_core_headers)
  target_include_directories(npu_core_headers INTERFACE "${CMAKE_CURRENT_LIST_DIR}/../include")
  target_link_libraries(npu_core_headers INTERFACE npu::cann)
endif()
